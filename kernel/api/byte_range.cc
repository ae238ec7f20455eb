#include "kernel/api/byte_range.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>

namespace edgesync::api {
namespace {

constexpr RangeAnswer kInvalid{RangeAnswer::Kind::Invalid, 0, 0};
constexpr RangeAnswer kBeyond{RangeAnswer::Kind::Beyond, 0, 0};

/// Decimal digits only; values beyond 64 bits are clamped, since no data is that long.
std::optional<std::int64_t> parse_number(std::string_view text) {
    if (text.empty() || text.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc::result_out_of_range) return std::numeric_limits<std::int64_t>::max() - 1;
    return std::min(value, std::numeric_limits<std::int64_t>::max() - 1);
}

}  // namespace

RangeAnswer answer_range(std::string_view field, std::int64_t size) {
    constexpr std::string_view unit = "bytes=";
    const RangeAnswer whole{RangeAnswer::Kind::Whole, 0, size};
    if (!field.starts_with(unit)) return kInvalid;
    field.remove_prefix(unit.size());
    const auto dash = field.find('-');
    if (dash == std::string_view::npos) return kInvalid;
    const std::string_view first = field.substr(0, dash);
    const std::string_view last = field.substr(dash + 1);
    if (first.empty()) {
        const auto count = parse_number(last);
        if (!count) return kInvalid;
        if (*count == 0 || size == 0) return kBeyond;
        return {RangeAnswer::Kind::Part, std::max<std::int64_t>(0, size - *count), size};
    }
    const auto begin = parse_number(first);
    if (!begin) return kInvalid;
    if (last.empty()) return *begin >= size ? kBeyond : RangeAnswer{RangeAnswer::Kind::Part, *begin, size};
    const auto end = parse_number(last);
    if (!end || *end < *begin) return kInvalid;
    // Known clients take 200 as "this is all of it" and expect it when they asked for that much.
    if (*begin == 0 && *end >= size - 1) return whole;
    if (*begin >= size) return kBeyond;
    return {RangeAnswer::Kind::Part, *begin, std::min(*end + 1, size)};
}

}  // namespace edgesync::api
