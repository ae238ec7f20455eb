// Versions of edge services and ranges of them (object model 1.4).
#pragma once

#include <string_view>

namespace edgesync::objects {

/// One to three decimal numbers without leading zeros, separated by dots.
bool is_version(std::string_view version);

/// "[a,b]", "[a,b)", "(a,b]", "(a,b)" or a version v for "[v,INFINITY)"; blanks around the parts are fine.
bool is_version_range(std::string_view range);

/// False also when one of them is malformed.
bool version_in_range(std::string_view version, std::string_view range);

}  // namespace edgesync::objects
