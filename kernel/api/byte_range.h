// The Range header as data downloads understand it (rest-api 3.5).
#pragma once

#include <cstdint>
#include <string_view>

namespace edgesync::api {

struct RangeAnswer {
    enum class Kind {
        Whole,    ///< 200: no range, or one from the start that is at least as long as the data.
        Part,     ///< 206: octets [begin, end).
        Beyond,   ///< 404: nothing of the range exists.
        Invalid,  ///< 400
    };
    Kind kind = Kind::Whole;
    std::int64_t begin = 0;
    std::int64_t end = 0;
};

/// What to answer to `field` for data of `size` bytes. One range of `bytes=a-b`, `bytes=a-` or `bytes=-n`.
RangeAnswer answer_range(std::string_view field, std::int64_t size);

}  // namespace edgesync::api
