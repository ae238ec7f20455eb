#include "kernel/ops/repeat_limiter.h"

#include <gmock/gmock.h>

#include <vector>

#include "kernel/ops/limited_log.h"

namespace edgesync::ops {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

class RecordingLog final : public Log {
public:
    bool logs(LogLevel) const noexcept override { return true; }
    bool traces(LogLevel) const noexcept override { return true; }
    void log(LogLevel, std::string_view text) noexcept override { lines.emplace_back(text); }
    void trace(LogLevel, std::string_view) noexcept override {}
    std::vector<std::string> lines;
};

const auto kStart = RepeatLimiter::Clock::time_point{} + 1000s;

TEST(RepeatLimiter, LetsAMessagePassOncePerIntervalAndCountsTheRest) {
    RepeatLimiter limiter(10s);
    RecordingLog log;
    for (const auto after : {0s, 1s, 9s, 10s, 11s, 25s}) limiter.log(log, LogLevel::Error, "disk full", kStart + after);
    EXPECT_THAT(log.lines, ElementsAre("disk full", "disk full (and 2 times before, since it was last logged)",
                                       "disk full (and 1 times before, since it was last logged)"));
}

TEST(RepeatLimiter, TellsMessagesApart) {
    RepeatLimiter limiter(10s);
    EXPECT_EQ(limiter.admit("a", kStart), 0u);
    EXPECT_EQ(limiter.admit("b", kStart), 0u);
    EXPECT_FALSE(limiter.admit("a", kStart));
}

TEST(RepeatLimiter, ForgetsTheOldestMessageWhenThereAreTooMany) {
    RepeatLimiter limiter(std::chrono::hours(1));
    for (std::size_t i = 0; i <= RepeatLimiter::kMostMessages; ++i) {
        EXPECT_TRUE(limiter.admit(std::to_string(i), kStart + std::chrono::seconds(i)));
    }
    EXPECT_TRUE(limiter.admit("0", kStart + 2000s));
    EXPECT_FALSE(limiter.admit(std::to_string(RepeatLimiter::kMostMessages), kStart + 2000s));
}

TEST(LimitedLog, HoldsBackRepeatedFailuresOnly) {
    RecordingLog log;
    LimitedLog limited(log, std::chrono::hours(1));
    for (int i = 0; i < 3; ++i) {
        limited.log(LogLevel::Error, "disk full");
        limited.log(LogLevel::Warning, "slow");
        limited.log(LogLevel::Info, "hello");
    }
    limited.log(LogLevel::Error, "other");
    EXPECT_THAT(log.lines, ElementsAre("disk full", "slow", "hello", "hello", "hello", "other"));
}

}  // namespace
}  // namespace edgesync::ops
