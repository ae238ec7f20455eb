/// @file
/// Where a plugin writes what operators (log) and developers (trace) read.
#pragma once

#include <string_view>

namespace edgesync {

/// How important a line is. `LogLevel` and `TraceLevel` of sync.conf each let pass what is at most their own.
enum class LogLevel {
    None = 0,     ///< Nothing has it; as a setting it lets nothing pass.
    Status = 1,   ///< The service started, stopped, recovered.
    Fatal = 2,    ///< The service ends because of it.
    Error = 3,    ///< Something was lost or does not work; somebody must act.
    Warning = 4,  ///< It goes on, but not as intended.
    Info = 5,     ///< Events of normal work that are rare enough to be read.
    Debug = 6,    ///< For developers.
    Trace = 7,    ///< For developers, each step.
};

/// Thread-safe; never throws; may block for the time of one line's write. Lines are cut at 8 KiB and control characters are replaced.
/// The one that `Plugin::configure` gets begins each line with the plugin's name ("transport-http: ").
class Log {
public:
    virtual ~Log() = default;
    /// Whether `log` would write a line of that level: to be asked before an expensive text is made.
    virtual bool logs(LogLevel level) const noexcept = 0;
    /// The same for `trace`.
    virtual bool traces(LogLevel level) const noexcept = 0;
    /// For operators. No secrets, no content of objects.
    virtual void log(LogLevel level, std::string_view text) noexcept = 0;
    /// For developers. No secrets, no content of objects.
    virtual void trace(LogLevel level, std::string_view text) noexcept = 0;
};

}  // namespace edgesync
