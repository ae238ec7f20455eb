// How a line of log or trace looks.
#pragma once

#include <ctime>
#include <optional>
#include <string>
#include <string_view>

#include "edgesync/sdk/log.h"

namespace edgesync::ops {

/// Bytes of a line with its prefix, without the final newline.
inline constexpr std::size_t kLongestLogLine = 8192;

/// NONE, STATUS, ... TRACE in any case of letters; XTRACE is TRACE.
std::optional<LogLevel> parse_log_level(std::string_view text);
const char* to_string(LogLevel level) noexcept;

/// "CSS: 2024/01/31 23:59:59 INFO: text" in local time. Control characters become blanks or '?', so that nothing in `text` can
/// start a line of its own or drive a terminal; a long line ends with "..." at a character's boundary.
std::string log_line(std::string_view node_type, std::time_t now, LogLevel level, std::string_view text);

}  // namespace edgesync::ops
