// Keeps repeated failures from flooding the log.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "edgesync/sdk/log.h"

namespace edgesync::ops {

/// Lets each message pass once per interval and counts the rest. Thread-safe; remembers at most `kMostMessages` messages (beyond it
/// the one that passed longest ago is forgotten, and its count with it).
class RepeatLimiter {
public:
    using Clock = std::chrono::steady_clock;
    static constexpr std::size_t kMostMessages = 1024;

    explicit RepeatLimiter(std::chrono::seconds interval) : interval_(interval) {}

    /// nullopt: say nothing. Else the number of times the message was held back since it passed last.
    std::optional<std::uint64_t> admit(std::string_view message, Clock::time_point now);

    /// Logs `message` if it may pass, with the number held back.
    void log(Log& log, LogLevel level, std::string_view message, Clock::time_point now = Clock::now()) noexcept;

private:
    struct Seen {
        Clock::time_point passed{};
        std::uint64_t held_back = 0;
    };
    void forget_oldest();

    const std::chrono::seconds interval_;
    std::mutex mutex_;  // Guards seen_.
    std::unordered_map<std::string, Seen> seen_;
};

}  // namespace edgesync::ops
