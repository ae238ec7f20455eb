// A view of the log for what clients can cause as often as they like.
#pragma once

#include "edgesync/sdk/log.h"
#include "kernel/ops/repeat_limiter.h"

namespace edgesync::ops {

/// Warnings and errors that repeat pass once per interval, with the number of those that were held back; everything else passes. As
/// thread-safe as `target`, which must outlive it.
class LimitedLog final : public Log {
public:
    LimitedLog(Log& target, std::chrono::seconds interval) : target_(target), limiter_(interval) {}

    bool logs(LogLevel level) const noexcept override { return target_.logs(level); }
    bool traces(LogLevel level) const noexcept override { return target_.traces(level); }
    void log(LogLevel level, std::string_view text) noexcept override {
        if (level != LogLevel::Error && level != LogLevel::Warning) return target_.log(level, text);
        if (target_.logs(level)) limiter_.log(target_, level, text);
    }
    void trace(LogLevel level, std::string_view text) noexcept override { target_.trace(level, text); }

private:
    Log& target_;
    RepeatLimiter limiter_;
};

}  // namespace edgesync::ops
