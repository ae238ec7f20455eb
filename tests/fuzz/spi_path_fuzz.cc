// Paths and list headers of the node protocol: refused, or unambiguous.
#include "spi_path.h"
#include "tests/fuzz/fuzz_target.h"

namespace edgesync::fuzz {
namespace {

void check_segments(std::string_view path) {
    const auto segments = split_path(path);
    for (std::size_t i = 0; i < segments.size(); ++i) {
        const auto& segment = segments[i];
        require(segment != "." && segment != "..", "no segment moves");
        require(segment.find_first_of(std::string_view("/\r\n\0", 4)) == std::string::npos, "a segment is one");
        require(!segment.empty() || i + 1 == segments.size(), "no segment is empty but the last");
        require(segment.size() <= 1024, "a segment is short");
        if (!segment.empty()) require(split_path(encode_segment(segment)).front() == segment, "a segment survives its encoding");
    }
}

void check_object(const transport_http::ObjectPath& path) {
    if (path.action.empty() || path.key.org.empty()) return;
    const std::string url = transport_http::object_url(path.key, path.instance_id, path.data_id, encode_segment(path.action));
    const auto again = transport_http::object_path_of(url);
    require(again && again->key == path.key && again->instance_id == path.instance_id && again->data_id == path.data_id &&
                again->action == path.action,
            "a path survives its URL");
}

}  // namespace
}  // namespace edgesync::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace edgesync;
    using namespace edgesync::fuzz;
    const std::string_view text = text_of(data, size);
    succeeds(ErrorKind::InvalidRequest, [&] { check_segments(text); });
    if (const auto path = transport_http::object_path_of(text)) check_object(*path);
    const int wait = transport_http::preferred_wait(text);
    require(wait >= 0 && wait <= 300, "a wait is bounded");
    for (const auto& item : transport_http::split_list(text)) require(!item.empty(), "no item is empty");
    HttpRequest request;
    request.query = text;
    succeeds(ErrorKind::InvalidRequest, [&] { request.parameter("persistent-storage"); });
    return 0;
}
