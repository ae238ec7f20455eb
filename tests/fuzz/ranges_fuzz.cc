// A Range or Content-Range header is refused or means octets that exist.
#include "edgesync/sdk/http.h"
#include "kernel/api/byte_range.h"
#include "spi_path.h"
#include "tests/fuzz/fuzz_target.h"

namespace edgesync::fuzz {
namespace {

void check_download(std::string_view field, std::int64_t size) {
    using Kind = api::RangeAnswer::Kind;
    const auto answer = api::answer_range(field, size);
    if (answer.kind == Kind::Part)
        require(answer.begin >= 0 && answer.begin < answer.end && answer.end <= size, "a part lies in the whole");
    if (answer.kind == Kind::Whole) require(answer.begin == 0 && answer.end == size, "the whole is the whole");
    const auto wanted = transport_http::parse_range(field, size);
    if (wanted) require(wanted->begin >= 0 && wanted->begin <= wanted->end && wanted->end <= size, "a node's part lies in the whole");
    if (wanted) require(answer.kind != Kind::Invalid, "an application may ask for what a node may");
    if (wanted && answer.kind == Kind::Part) require(answer.begin == wanted->begin && answer.end == wanted->end, "both get the same part");
}

void check_upload(std::string_view field) {
    const auto range = parse_content_range(field);
    if (range) require(0 <= range->begin && range->begin < range->end && range->end <= range->total, "a chunk lies in the whole");
}

}  // namespace
}  // namespace edgesync::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace edgesync::fuzz;
    const std::string_view field = text_of(data, size);
    for (const std::int64_t whole : {std::int64_t{0}, std::int64_t{1}, std::int64_t{100}, INT64_MAX}) check_download(field, whole);
    check_upload(field);
    return 0;
}
