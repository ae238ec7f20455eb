#include "kernel/objects/version_range.h"

#include <array>
#include <compare>
#include <cstdint>
#include <optional>

namespace edgesync::objects {
namespace {

struct Version {
    bool is_infinite = false;
    std::array<std::uint64_t, 3> numbers{};
    auto operator<=>(const Version&) const = default;
};

struct Range {
    Version start;
    Version end;
    bool includes_start = true;
    bool includes_end = false;
};

std::string_view trim(std::string_view text) {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
    return text;
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
    if (text.empty() || text.size() > 18 || (text.size() > 1 && text.front() == '0')) return std::nullopt;
    std::uint64_t value = 0;
    for (const char c : text) {
        if (c < '0' || c > '9') return std::nullopt;
        value = value * 10 + static_cast<std::uint64_t>(c - '0');
    }
    return value;
}

std::optional<Version> parse_version(std::string_view text) {
    if (text == "INFINITY") return Version{true, {}};
    Version version;
    for (std::size_t i = 0; i < version.numbers.size(); ++i) {
        const auto dot = text.find('.');
        const auto number = parse_number(text.substr(0, dot));
        if (!number) return std::nullopt;
        version.numbers[i] = *number;
        if (dot == std::string_view::npos) return version;
        text.remove_prefix(dot + 1);
    }
    return std::nullopt;
}

std::optional<Range> parse_range(std::string_view text) {
    text = trim(text);
    Range range;
    if (text.empty()) return std::nullopt;
    if (text.front() != '[' && text.front() != '(') {
        const auto start = parse_version(text);
        if (!start || start->is_infinite) return std::nullopt;
        range.start = *start;
        range.end.is_infinite = true;
        return range;
    }
    if (text.size() < 3 || (text.back() != ']' && text.back() != ')')) return std::nullopt;
    range.includes_start = text.front() == '[';
    range.includes_end = text.back() == ']';
    const auto inner = text.substr(1, text.size() - 2);
    const auto comma = inner.find(',');
    if (comma == std::string_view::npos) return std::nullopt;
    const auto start = parse_version(trim(inner.substr(0, comma)));
    const auto end = parse_version(trim(inner.substr(comma + 1)));
    if (!start || !end || start->is_infinite) return std::nullopt;
    range.start = *start;
    range.end = *end;
    return range;
}

}  // namespace

bool is_version(std::string_view version) {
    const auto parsed = parse_version(version);
    return parsed && !parsed->is_infinite;
}

bool is_version_range(std::string_view range) { return parse_range(range).has_value(); }

bool version_in_range(std::string_view version, std::string_view range) {
    const auto parsed = parse_version(version);
    const auto limits = parse_range(range);
    if (!parsed || !limits) return false;
    const bool is_above = limits->includes_start ? *parsed >= limits->start : *parsed > limits->start;
    const bool is_below = limits->includes_end ? *parsed <= limits->end : *parsed < limits->end;
    return is_above && is_below;
}

}  // namespace edgesync::objects
