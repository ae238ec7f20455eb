// A plugin's or room's view of the log: its name begins every text.
#pragma once

#include <string>

#include "edgesync/sdk/log.h"

namespace edgesync::ops {

/// As thread-safe as `target`, which must outlive it.
class NamedLog final : public Log {
public:
    /// `name` as in "store-lmdb".
    NamedLog(Log& target, std::string name) : target_(target), prefix_(std::move(name) + ": ") {}

    bool logs(LogLevel level) const noexcept override { return target_.logs(level); }
    bool traces(LogLevel level) const noexcept override { return target_.traces(level); }
    void log(LogLevel level, std::string_view text) noexcept override;
    void trace(LogLevel level, std::string_view text) noexcept override;

private:
    Log& target_;
    std::string prefix_;
};

}  // namespace edgesync::ops
