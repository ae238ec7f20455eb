#include "kernel/ops/repeat_limiter.h"

#include <algorithm>

namespace edgesync::ops {

std::optional<std::uint64_t> RepeatLimiter::admit(std::string_view message, Clock::time_point now) {
    // A message is told apart by its beginning, so that the table's memory is bounded as well as its length.
    constexpr std::size_t kLongestKey = 512;
    const std::scoped_lock lock(mutex_);
    const std::string key(message.substr(0, kLongestKey));
    if (const auto known = seen_.find(key); known != seen_.end()) {
        auto& seen = known->second;
        if (now - seen.passed < interval_) {
            ++seen.held_back;
            return std::nullopt;
        }
        const auto held_back = seen.held_back;
        seen = {now, 0};
        return held_back;
    }
    if (seen_.size() >= kMostMessages) forget_oldest();
    seen_.emplace(key, Seen{now, 0});
    return 0;
}

void RepeatLimiter::forget_oldest() {
    const auto oldest =
        std::min_element(seen_.begin(), seen_.end(), [](const auto& a, const auto& b) { return a.second.passed < b.second.passed; });
    if (oldest != seen_.end()) seen_.erase(oldest);
}

void RepeatLimiter::log(Log& log, LogLevel level, std::string_view message, Clock::time_point now) noexcept {
    try {
        const auto held_back = admit(message, now);
        if (!held_back) return;
        if (*held_back == 0) return log.log(level, message);
        log.log(level, std::string(message) + " (and " + std::to_string(*held_back) + " times before, since it was last logged)");
    } catch (...) {
        log.log(level, message);  // Out of memory for the count.
    }
}

}  // namespace edgesync::ops
