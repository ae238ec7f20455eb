// Status line and headers of an answer. Internal to this room.
#pragma once

#include <cstdint>
#include <string>

#include "edgesync/sdk/http.h"

namespace edgesync::http {

enum class Framing { None, Length, Chunked, UntilClose };

struct HeadFacts {
    Framing framing = Framing::Length;
    std::int64_t length = 0;
    bool is_http_1_1 = true;
    bool is_keep_alive = true;
};

/// Replaces `out`. Control characters of header values become spaces, so that no value can end its line.
void write_head(std::string& out, const HttpResponse& response, const HeadFacts& facts);

}  // namespace edgesync::http
