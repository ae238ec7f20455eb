#include "kernel/objects/time_text.h"

#include <array>
#include <ctime>

namespace edgesync::objects {
namespace {

bool take_digits(std::string_view& text, std::size_t count, int& value) {
    if (text.size() < count) return false;
    value = 0;
    for (std::size_t i = 0; i < count; ++i) {
        if (text[i] < '0' || text[i] > '9') return false;
        value = value * 10 + (text[i] - '0');
    }
    text.remove_prefix(count);
    return true;
}

bool take(std::string_view& text, std::string_view any_of) {
    if (text.empty() || any_of.find(text.front()) == std::string_view::npos) return false;
    text.remove_prefix(1);
    return true;
}

bool take_fraction(std::string_view& text, std::int64_t& nanoseconds) {
    nanoseconds = 0;
    if (!take(text, ".")) return true;
    std::int64_t unit = 100'000'000;
    std::size_t count = 0;
    while (count < text.size() && text[count] >= '0' && text[count] <= '9') {
        nanoseconds += (text[count] - '0') * unit;
        unit /= 10;
        ++count;
    }
    text.remove_prefix(count);
    return count > 0;
}

bool take_offset(std::string_view& text, std::chrono::minutes& offset) {
    offset = std::chrono::minutes{0};
    if (take(text, "Zz")) return true;
    const bool is_west = !text.empty() && text.front() == '-';
    int hours = 0;
    int minutes = 0;
    if (!take(text, "+-") || !take_digits(text, 2, hours) || !take(text, ":") || !take_digits(text, 2, minutes)) return false;
    if (hours > 23 || minutes > 59) return false;
    offset = std::chrono::minutes(hours * 60 + minutes) * (is_west ? -1 : 1);
    return true;
}

}  // namespace

std::optional<TimePoint> parse_rfc3339(std::string_view text) {
    int year = 0;
    int month = 0;
    int day = 0;
    int hour = 0;
    int minute = 0;
    int second = 0;
    std::int64_t nanoseconds = 0;
    std::chrono::minutes offset{0};
    const bool is_read = take_digits(text, 4, year) && take(text, "-") && take_digits(text, 2, month) && take(text, "-") &&
                         take_digits(text, 2, day) && take(text, "Tt") && take_digits(text, 2, hour) && take(text, ":") &&
                         take_digits(text, 2, minute) && take(text, ":") && take_digits(text, 2, second) &&
                         take_fraction(text, nanoseconds) && take_offset(text, offset) && text.empty();
    if (!is_read || hour > 23 || minute > 59 || second > 60) return std::nullopt;
    const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                           std::chrono::day(static_cast<unsigned>(day))};
    if (!date.ok()) return std::nullopt;
    // What the stored resolution cannot express is before or after everything that it can.
    if (year < 1678) return TimePoint::min();
    if (year > 2261) return TimePoint::max();
    return std::chrono::sys_days(date) + std::chrono::hours(hour) + std::chrono::minutes(minute) + std::chrono::seconds(second) +
           std::chrono::nanoseconds(nanoseconds) - offset;
}

std::string to_rfc3339(TimePoint time) {
    const std::time_t seconds = std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    std::array<char, 32> text{};
    return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

}  // namespace edgesync::objects
