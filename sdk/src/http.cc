// Requests: headers, parameters, and the one place where a raw path is taken apart.
#include "edgesync/sdk/http.h"

#include <charconv>

namespace edgesync {
namespace {

constexpr std::size_t kLongestSegment = 1024;
constexpr std::size_t kLongestParameter = 4096;
/// What an error message repeats of its input.
constexpr std::size_t kRepeated = 80;

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool equals_any_case(std::string_view a, std::string_view b) noexcept {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i) {
        if (lower(a[i]) != lower(b[i])) return false;
    }
    return true;
}

int hex_value(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

std::optional<std::string> try_decode(std::string_view text, bool plus_is_space) {
    std::string result;
    result.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%') {
            const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
            const int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
            if (high < 0 || low < 0) return std::nullopt;
            result.push_back(static_cast<char>(high * 16 + low));
            i += 2;
        } else {
            result.push_back(plus_is_space && text[i] == '+' ? ' ' : text[i]);
        }
    }
    return result;
}

std::string decode(std::string_view text, bool plus_is_space) {
    auto result = try_decode(text, plus_is_space);
    if (!result) throw Error(ErrorKind::InvalidRequest, "invalid URL escape in \"" + std::string(text.substr(0, kRepeated)) + "\"");
    return std::move(*result);
}

void check_segment(const std::string& segment, bool is_last) {
    if (segment.empty() && !is_last) throw Error(ErrorKind::InvalidRequest, "empty segment in path");
    if (segment.size() > kLongestSegment) {
        throw Error(ErrorKind::InvalidRequest, "segment of " + std::to_string(segment.size()) + " octets in path; it may have 1024");
    }
    if (segment == "." || segment == "..") throw Error(ErrorKind::InvalidRequest, "segment \"" + segment + "\" in path");
    static constexpr std::string_view kForbidden("\0\r\n/", 4);
    if (segment.find_first_of(kForbidden) != std::string::npos) throw Error(ErrorKind::InvalidRequest, "invalid character in path");
}

bool take(std::string_view& text, std::string_view expected) {
    if (!text.starts_with(expected)) return false;
    text.remove_prefix(expected.size());
    return true;
}

/// Digits alone: no sign, no blanks.
bool take_number(std::string_view& text, std::int64_t& value) {
    if (text.empty() || text.front() == '-') return false;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{}) return false;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return true;
}

}  // namespace

std::string_view HttpRequest::header(std::string_view name) const noexcept {
    for (const HttpHeader& header : headers) {
        if (equals_any_case(header.name, name)) return header.value;
    }
    return {};
}

bool HttpRequest::has_header(std::string_view name) const noexcept {
    for (const HttpHeader& header : headers) {
        if (equals_any_case(header.name, name)) return true;
    }
    return false;
}

std::optional<std::string> HttpRequest::parameter(std::string_view name) const {
    std::string_view rest = query;
    while (!rest.empty()) {
        const std::string_view pair = rest.substr(0, rest.find('&'));
        rest.remove_prefix(pair.size() < rest.size() ? pair.size() + 1 : pair.size());
        const std::size_t equals = pair.find('=');
        const std::string_view raw_name = pair.substr(0, equals);
        // A bad escape in a parameter that nobody asks for does not spoil the request.
        if (raw_name != name && try_decode(raw_name, true) != name) continue;
        if (equals == std::string_view::npos) return std::string();
        auto value = decode(pair.substr(equals + 1), true);
        if (value.size() > kLongestParameter) {
            throw Error(ErrorKind::InvalidRequest,
                        "the parameter " + std::string(name) + " has " + std::to_string(value.size()) + " octets; it may have 4096");
        }
        return value;
    }
    return std::nullopt;
}

std::vector<std::string> split_path(std::string_view raw_path) {
    std::vector<std::string> segments;
    if (!raw_path.empty() && raw_path.front() == '/') raw_path.remove_prefix(1);
    for (;;) {
        const std::size_t slash = raw_path.find('/');
        const bool is_last = slash == std::string_view::npos;
        segments.push_back(decode(raw_path.substr(0, slash), false));
        check_segment(segments.back(), is_last);
        if (is_last) return segments;
        raw_path.remove_prefix(slash + 1);
    }
}

std::optional<ContentRange> parse_content_range(std::string_view field) {
    ContentRange range;
    std::int64_t last = 0;
    const bool is_well_formed = take(field, "bytes ") && take_number(field, range.begin) && take(field, "-") && take_number(field, last) &&
                                take(field, "/") && take_number(field, range.total) && field.empty();
    if (!is_well_formed || last < range.begin || last >= range.total) return std::nullopt;
    range.end = last + 1;
    return range;
}

std::string encode_segment(std::string_view segment) {
    static constexpr char kHex[] = "0123456789ABCDEF";
    std::string result;
    result.reserve(segment.size());
    for (const char c : segment) {
        const bool is_alphanumeric = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (is_alphanumeric || c == '-' || c == '.' || c == '_' || c == '~' || c == '@') {
            result.push_back(c);
        } else {
            const auto octet = static_cast<unsigned char>(c);
            result += {'%', kHex[octet >> 4], kHex[octet & 15]};
        }
    }
    return result;
}

}  // namespace edgesync
