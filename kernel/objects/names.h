// What organizations, types and ids may be called (rest-api 1.4).
#pragma once

#include <string>
#include <string_view>

namespace edgesync::objects {

inline constexpr std::size_t kLongestName = 1024;

/// One or more of `a-z A-Z 0-9 | ! @ # $ ^ * - _ . ~` and Unicode letters and numbers, in UTF-8, at most 1024 bytes.
bool is_valid_name(std::string_view name);

/// `&`, `<`, `>` and quotes as entities, for error texts that repeat what a client sent.
std::string html_escape(std::string_view text);

}  // namespace edgesync::objects
