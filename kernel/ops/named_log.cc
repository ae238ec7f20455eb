#include "kernel/ops/named_log.h"

#include "kernel/ops/log_line.h"

namespace edgesync::ops {
namespace {

/// No more of a text than a line can hold is copied.
std::string joined(const std::string& prefix, std::string_view text) { return prefix + std::string(text.substr(0, kLongestLogLine + 1)); }

}  // namespace

void NamedLog::log(LogLevel level, std::string_view text) noexcept {
    if (!target_.logs(level)) return;
    try {
        target_.log(level, joined(prefix_, text));
    } catch (...) {
        target_.log(level, text);  // Out of memory for the prefix.
    }
}

void NamedLog::trace(LogLevel level, std::string_view text) noexcept {
    if (!target_.traces(level)) return;
    try {
        target_.trace(level, joined(prefix_, text));
    } catch (...) {
        target_.trace(level, text);
    }
}

}  // namespace edgesync::ops
