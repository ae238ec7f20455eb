// The header that says which part of an object's data a request's body is.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace edgesync::data {

/// One range of a body: octets [begin, end) of `total`.
struct ChunkRange {
    std::int64_t begin = 0;
    std::int64_t end = 0;
    std::int64_t total = 0;
};

/// "bytes a-b/total"; nullopt and `problem` if malformed.
std::optional<ChunkRange> parse_content_range(std::string_view field, std::string& problem);

}  // namespace edgesync::data
