#include "kernel/objects/names.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <optional>

namespace edgesync::objects {
namespace {

struct CodeRange {
    std::uint32_t first;
    std::uint32_t last;
};

constexpr CodeRange kLettersAndNumbers[] = {
#include "kernel/objects/unicode_ranges.inc"
};

constexpr std::string_view kPunctuation = "|!@#$^*-_.~";

bool is_valid_ascii(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || kPunctuation.find(c) != std::string_view::npos;
}

bool is_letter_or_number(std::uint32_t code) {
    const auto found = std::upper_bound(std::begin(kLettersAndNumbers), std::end(kLettersAndNumbers), code,
                                        [](std::uint32_t value, const CodeRange& range) { return value < range.first; });
    return found != std::begin(kLettersAndNumbers) && code <= std::prev(found)->last;
}

/// Takes one sequence of two to four octets off the front; nullopt if it is not well-formed.
std::optional<std::uint32_t> take_code(std::string_view& text) {
    const auto octet = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char first = octet(0);
    const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC2 || first > 0xF4 || text.size() < length) return std::nullopt;
    std::uint32_t code = first & (0x7FU >> length);
    for (std::size_t i = 1; i < length; ++i) {
        if ((octet(i) & 0xC0U) != 0x80U) return std::nullopt;
        code = (code << 6U) | (octet(i) & 0x3FU);
    }
    const std::uint32_t smallest = length == 2 ? 0x80 : length == 3 ? 0x800 : 0x10000;
    if (code < smallest) return std::nullopt;
    text.remove_prefix(length);
    return code;
}

}  // namespace

bool is_valid_name(std::string_view name) {
    if (name.empty() || name.size() > kLongestName) return false;
    while (!name.empty()) {
        if (static_cast<unsigned char>(name.front()) < 0x80) {
            if (!is_valid_ascii(name.front())) return false;
            name.remove_prefix(1);
            continue;
        }
        const auto code = take_code(name);
        if (!code || !is_letter_or_number(*code)) return false;
    }
    return true;
}

std::string html_escape(std::string_view text) {
    std::string out;
    for (const char c : text) {
        switch (c) {
            case '&': out += "&amp;"; break;
            case '<': out += "&lt;"; break;
            case '>': out += "&gt;"; break;
            case '"': out += "&#34;"; break;
            case '\'': out += "&#39;"; break;
            default: out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
        }
    }
    return out;
}

}  // namespace edgesync::objects
