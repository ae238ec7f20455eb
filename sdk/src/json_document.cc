#include "json_document.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "edgesync/sdk/error.h"

namespace edgesync::codec::json_text {
namespace {

constexpr int kMaxDepth = 64;
/// Lists of the longest policy that is valid, several times. What a value takes in memory is many times what it takes as text.
constexpr std::size_t kMostValues = 200'000;
/// What an error message tells of the parser's, which repeats what was read, however long it is.
constexpr std::size_t kLongestProblem = 200;

/// Position of the quote that ends the string which began before `at`, or the end of the text.
std::size_t end_of_string(std::string_view json, std::size_t at, bool& has_escapes) {
    std::size_t end = std::min(json.find('"', at), json.size());
    for (;;) {
        const std::size_t escape = json.substr(at, end - at).find('\\');
        if (escape == std::string_view::npos) return end;
        has_escapes = true;
        at = std::min(at + escape + 2, json.size());
        // Only behind an escaped quote: to look for the same one after every escape would take the square of the length.
        if (at > end) end = std::min(json.find('"', at), json.size());
    }
}

bool is_data_name(std::string_view name) {
    constexpr std::string_view kName = "data";
    return std::equal(name.begin(), name.end(), kName.begin(), kName.end(),
                      [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b; });
}

/// The parser's text without its number, short, and without what could make a document of the answer that repeats it.
std::string problem_of(const Json::exception& error) {
    std::string text = error.what();
    const auto bracket = text.find("] ");
    if (bracket != std::string::npos) text.erase(0, bracket + 2);
    if (text.size() > kLongestProblem) text.replace(kLongestProblem, std::string::npos, "...");
    for (char& c : text) {
        if (c == '<' || c == '>' || c == '&' || static_cast<unsigned char>(c) >= 0x7f) c = '?';
    }
    return text;
}

std::string lower(std::string_view text) {
    std::string result(text);
    for (char& c : result) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return result;
}

template <typename Number>
void read_number(const Json& value, const std::string& name, Number& out) {
    if (value.is_null()) return;
    if (!value.is_number_integer()) invalid("field " + name + " must be an integer");
    if (value.is_number_unsigned() && value.get<std::uint64_t>() > static_cast<std::uint64_t>(std::numeric_limits<Number>::max())) {
        invalid("field " + name + " is out of range");
    }
    const auto number = value.get<std::int64_t>();
    if (number < std::numeric_limits<Number>::min() || number > std::numeric_limits<Number>::max())
        invalid("field " + name + " is out of range");
    out = static_cast<Number>(number);
}

}  // namespace

void invalid(const std::string& problem) { throw Error(ErrorKind::InvalidRequest, problem); }

Outline outline(std::string_view json) {
    Outline result;
    int depth = 0;
    bool after_data_name = false;
    bool is_value = false;
    for (std::size_t i = 0; i < json.size(); ++i) {
        const char c = json[i];
        if (c == '"') {
            bool has_escapes = false;
            const std::size_t end = end_of_string(json, i + 1, has_escapes);
            const std::string_view text = json.substr(i + 1, end - i - 1);
            if (depth == 1 && !is_value) {
                // A name with escapes may be any name, also this one.
                after_data_name = has_escapes || is_data_name(text);
                if (after_data_name) ++result.data_members;
            } else if (depth == 1 && !has_escapes && text.size() > result.longest.size()) {
                result.longest = text;
                result.longest_is_data = after_data_name;
            }
            i = end;
        } else if (c == '{' || c == '[') {
            if (++depth > kMaxDepth) invalid("nesting exceeds " + std::to_string(kMaxDepth) + " levels");
            ++result.values;
            is_value = false;
        } else if (c == '}' || c == ']') {
            --depth;
        } else if (c == ',') {
            ++result.values;
            if (depth == 1) is_value = false;
        } else if (c == ':' && depth == 1) {
            is_value = true;
        }
    }
    return result;
}

void refuse_many(const Outline& outlined) {
    if (outlined.values > kMostValues) invalid("more than " + std::to_string(kMostValues) + " values");
}

void refuse_empty(std::string_view json) {
    if (json.find_first_not_of(" \t\r\n") == std::string_view::npos) invalid("EOF");
}

Json parse_checked(std::string_view json) {
    try {
        return Json::parse(json.begin(), json.end());
    } catch (const Json::exception& error) {
        invalid(problem_of(error));
    }
}

Json parse_list(std::string_view json) {
    refuse_empty(json);
    outline(json);
    return parse_checked(json);
}

Json parse(std::string_view json) {
    refuse_empty(json);
    refuse_many(outline(json));
    return parse_checked(json);
}

void read(const Json& value, const std::string& name, std::string& out) {
    if (value.is_null()) return;
    if (!value.is_string()) invalid("field " + name + " must be a string");
    out = value.get_ref<const std::string&>();
}

void read(const Json& value, const std::string& name, bool& out) {
    if (value.is_null()) return;
    if (!value.is_boolean()) invalid("field " + name + " must be true or false");
    out = value.get<bool>();
}

void read(const Json& value, const std::string& name, std::int64_t& out) { read_number(value, name, out); }
void read(const Json& value, const std::string& name, std::int32_t& out) { read_number(value, name, out); }

void read(const Json& value, const std::string& name, std::vector<std::string>& out) {
    if (value.is_null()) return;
    if (!value.is_array()) invalid("field " + name + " must be an array");
    out.clear();
    for (const auto& item : value) {
        out.emplace_back();
        read(item, name, out.back());
    }
}

void for_each_member(const Json& object, const std::string& what, const std::function<void(const std::string&, const Json&)>& field) {
    if (!object.is_object()) invalid(what + " must be an object");
    for (const auto& [name, value] : object.items()) field(lower(name), value);
}

}  // namespace edgesync::codec::json_text
