// Payload of the addressing work items: a few text fields and a cursor.
#pragma once

#include <string>
#include <vector>

namespace edgesync::addressing {

/// Fields joined with length prefixes, so that any octets survive.
std::string join_fields(const std::vector<std::string>& fields);
/// @throws Error{InvalidRequest}
std::vector<std::string> split_fields(const std::string& payload, std::size_t expected);

}  // namespace edgesync::addressing
