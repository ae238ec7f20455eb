// Where a plugin writes what operators (log) and developers (trace) read.
#pragma once

#include <string_view>

namespace edgesync {

enum class LogLevel { None = 0, Status = 1, Fatal = 2, Error = 3, Warning = 4, Info = 5, Debug = 6, Trace = 7 };

/// Thread-safe; never throws; may block for the time of one line's write. Lines are cut at 8 KiB and control characters are replaced.
class Log {
public:
    virtual ~Log() = default;
    virtual bool logs(LogLevel level) const noexcept = 0;
    virtual bool traces(LogLevel level) const noexcept = 0;
    /// For operators.
    virtual void log(LogLevel level, std::string_view text) noexcept = 0;
    /// For developers.
    virtual void trace(LogLevel level, std::string_view text) noexcept = 0;
};

}  // namespace edgesync
