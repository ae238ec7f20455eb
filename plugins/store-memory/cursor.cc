#include "cursor.h"

#include <charconv>

#include "edgesync/sdk/error.h"

namespace edgesync::memory {

// Each part is "<length>:<octets>"; a cursor is never empty because every key has a part.
std::string encode_cursor(const std::vector<std::string>& parts) {
    std::string out;
    for (const std::string& part : parts) out += std::to_string(part.size()) + ":" + part;
    return out;
}

std::vector<std::string> decode_cursor(const std::string& cursor, std::size_t count) {
    std::vector<std::string> parts;
    const char* at = cursor.data();
    const char* const end = at + cursor.size();
    while (at != end) {
        std::size_t length = 0;
        const auto [stop, error] = std::from_chars(at, end, length);
        if (error != std::errc{} || stop == end || *stop != ':' || static_cast<std::size_t>(end - stop - 1) < length) {
            throw Error(ErrorKind::InvalidRequest, "the cursor was not given out by this store");
        }
        parts.emplace_back(stop + 1, length);
        at = stop + 1 + length;
    }
    if (count != 0 && parts.size() != count) throw Error(ErrorKind::InvalidRequest, "the cursor belongs to another list");
    return parts;
}

std::int64_t decode_number(const std::string& part) {
    std::int64_t number = 0;
    const char* const end = part.data() + part.size();
    const auto [stop, error] = std::from_chars(part.data(), end, number);
    if (error != std::errc{} || stop != end) throw Error(ErrorKind::InvalidRequest, "the cursor belongs to another list");
    return number;
}

void check_limit(std::size_t limit) {
    if (limit < 1 || limit > 10000) throw Error(ErrorKind::InvalidRequest, "limit " + std::to_string(limit) + " is out of range 1..10000");
}

}  // namespace edgesync::memory
