// Cursors of lists: the key of the last record of a page, so that they stay valid whatever happens to the record.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace edgesync::memory {

std::string encode_cursor(const std::vector<std::string>& parts);

/// @throws Error{InvalidRequest} if `cursor` was not made by encode_cursor, or not with `count` parts (0: any number).
std::vector<std::string> decode_cursor(const std::string& cursor, std::size_t count);

/// A part that is a number. @throws Error{InvalidRequest}
std::int64_t decode_number(const std::string& part);

/// @throws Error{InvalidRequest} unless 1..10000.
void check_limit(std::size_t limit);

}  // namespace edgesync::memory
