// Instants as text (RFC 3339).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "edgesync/sdk/object.h"

namespace edgesync::objects {

/// Any offset, any number of fractional digits (those beyond nanoseconds are dropped). A blank where an offset's '+' belongs is taken
/// as '+', because clients put it unescaped into URLs. nullopt: not RFC 3339, or outside the years 1678..2261.
std::optional<TimePoint> parse_rfc3339(std::string_view text);

}  // namespace edgesync::objects
