// Instants as text (RFC 3339).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "edgesync/sdk/object.h"

namespace edgesync::objects {

/// Any offset, any number of fractional digits (those beyond nanoseconds are dropped). nullopt: not RFC 3339. Years that nanoseconds in
/// 64 bits cannot hold (before 1678, after 2261) are the earliest and the latest instant.
std::optional<TimePoint> parse_rfc3339(std::string_view text);

/// In UTC and whole seconds, the fraction dropped: "2024-01-31T23:59:59Z".
std::string to_rfc3339(TimePoint time);

}  // namespace edgesync::objects
