#include "kernel/api/small_body.h"

#include <nlohmann/json.hpp>

#include "edgesync/sdk/error.h"

namespace edgesync::api {
namespace {

using Json = nlohmann::json;

constexpr int kMaxDepth = 64;

[[noreturn]] void invalid(const std::string& problem) { throw Error(ErrorKind::InvalidRequest, problem); }

Json parse(std::string_view json) {
    if (json.find_first_not_of(" \t\r\n") == std::string_view::npos) invalid("EOF");
    const auto check_depth = [](int depth, Json::parse_event_t, Json&) {
        if (depth > kMaxDepth) invalid("nesting exceeds " + std::to_string(kMaxDepth) + " levels");
        return true;
    };
    try {
        return Json::parse(json.begin(), json.end(), check_depth);
    } catch (const Json::exception& error) {
        const std::string text = error.what();
        const auto bracket = text.find("] ");  // Behind the library's own number of the mistake.
        invalid(bracket == std::string::npos ? text : text.substr(bracket + 2));
    }
}

std::vector<std::string> texts_of(const Json& list, const std::string& name) {
    std::vector<std::string> texts;
    for (const auto& item : list) {
        if (!item.is_string()) invalid(name + " must have strings only");
        texts.push_back(item.get<std::string>());
    }
    return texts;
}

}  // namespace

std::string lower_case(std::string_view text) {
    std::string result(text);
    for (char& c : result) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    return result;
}

std::vector<std::string> texts_from_json(std::string_view json) {
    const Json document = parse(json);
    if (document.is_null()) return {};
    if (!document.is_array()) invalid("the body must be an array of strings");
    return texts_of(document, "the array");
}

namespace {

std::map<std::string, std::string> texts_of_object(const Json& object, const std::string& name) {
    if (!object.is_object()) invalid(name + " must have objects only");
    std::map<std::string, std::string> texts;
    for (const auto& [member, value] : object.items()) {
        if (value.is_null()) continue;
        if (!value.is_string()) invalid("field " + member + " must be a string");
        texts[lower_case(member)] = value.get<std::string>();
    }
    return texts;
}

}  // namespace

std::string SmallBody::text(const std::string& name) const {
    const auto found = texts.find(name);
    return found == texts.end() ? std::string() : found->second;
}

std::vector<std::string> SmallBody::list(const std::string& name) const {
    const auto found = lists.find(name);
    return found == lists.end() ? std::vector<std::string>() : found->second;
}

SmallBody small_body_from_json(std::string_view json) {
    const Json document = parse(json);
    if (!document.is_object()) invalid("the body must be an object");
    SmallBody body;
    for (const auto& [name, value] : document.items()) {
        if (value.is_string()) body.texts[lower_case(name)] = value.get<std::string>();
        if (!value.is_array()) continue;
        if (value.empty() || !value.front().is_object()) {
            body.lists[lower_case(name)] = texts_of(value, name);
            continue;
        }
        auto& objects = body.objects[lower_case(name)];
        for (const auto& item : value) objects.push_back(texts_of_object(item, name));
    }
    return body;
}

}  // namespace edgesync::api
