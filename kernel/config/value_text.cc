#include "kernel/config/value_text.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace edgesync::config {
namespace {

constexpr std::array<std::string_view, 5> kTrueWords = {"1", "t", "true", "yes", "on"};
constexpr std::array<std::string_view, 6> kFalseWords = {"", "0", "f", "false", "no", "off"};

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view kBlanks = " \t\r\n\v\f";
    const auto begin = text.find_first_not_of(kBlanks);
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

template <typename Words>
bool contains(const Words& words, std::string_view word) {
    return std::find(words.begin(), words.end(), word) != words.end();
}

}  // namespace

std::string lower_case(std::string_view text) {
    std::string lowered(text);
    for (char& c : lowered) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return lowered;
}

ParsedBool parse_bool(std::string_view text) {
    const auto word = lower_case(trimmed(text));
    if (contains(kTrueWords, word)) return {true, true};
    return {false, contains(kFalseWords, word)};
}

std::optional<ParsedInteger> parse_integer(std::string_view text) {
    text = trimmed(text);
    if (text.empty()) return ParsedInteger{};
    if (text.front() == '+' && text.size() > 1 && text[1] != '-') text.remove_prefix(1);
    ParsedInteger parsed;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), parsed.value);
    if (error != std::errc{}) return std::nullopt;
    parsed.has_trailing_text = end != text.data() + text.size();
    return parsed;
}

std::vector<std::string> parse_list(std::string_view text) {
    std::vector<std::string> elements;
    while (!text.empty()) {
        const auto end = std::min(text.find(','), text.size());
        const auto element = trimmed(text.substr(0, end));
        if (!element.empty()) elements.emplace_back(element);
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return elements;
}

}  // namespace edgesync::config
