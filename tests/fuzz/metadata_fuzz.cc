// JSON from applications and peers is read or refused; what was read means the same when it is written and read again.
#include "edgesync/sdk/codec.h"
#include "kernel/api/small_body.h"
#include "kernel/objects/validation.h"
#include "tests/fuzz/fuzz_target.h"

namespace edgesync::fuzz {
namespace {

constexpr std::size_t kLongestProblem = 400;

void check_metadata(const Metadata& meta) {
    const std::string text = codec::to_json(meta);
    require(codec::to_json(codec::metadata_from_json(text)) == text, "metadata survive their text");
    for (const NodeRole role : {NodeRole::Css, NodeRole::Ess}) {
        Metadata copy = meta;
        const bool is_valid = succeeds(ErrorKind::InvalidRequest, [&] {
            objects::validate(copy, {meta.org, meta.object_type, meta.object_id}, {role, false, 0, TimePoint{}});
        });
        if (is_valid) require(copy.consumers > 0 && !copy.object_id.empty(), "valid metadata are complete");
    }
}

void check_problem(std::string_view text) {
    try {
        codec::metadata_from_json(text);
    } catch (const Error& error) {
        const std::string_view problem = error.what();
        require(problem.size() < kLongestProblem || problem.starts_with("field "), "a refusal is short");
    }
}

}  // namespace
}  // namespace edgesync::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace edgesync;
    using namespace edgesync::fuzz;
    constexpr auto kInvalid = ErrorKind::InvalidRequest;
    const std::string_view text = text_of(data, size);
    succeeds(kInvalid, [&] { check_metadata(codec::metadata_from_json(text)); });
    check_problem(text);
    succeeds(kInvalid, [&] {
        const auto body = codec::put_body_from_json(text);
        require(body.has_data || body.data.empty(), "data only where there is some");
        check_metadata(body.meta);
    });
    succeeds(kInvalid, [&] {
        const auto feedback = codec::feedback_from_json(text);
        require(codec::to_json(codec::feedback_from_json(codec::to_json(feedback))) == codec::to_json(feedback),
                "feedback survives its text");
    });
    succeeds(kInvalid, [&] {
        const auto items = codec::poll_items_from_json(text);
        require(codec::poll_items_from_json(codec::poll_items_to_json(items)).size() == items.size(), "poll items survive their text");
    });
    succeeds(kInvalid, [&] { api::texts_from_json(text); });
    if (const auto octets = codec::base64_decode(text))
        require(codec::base64_decode(codec::base64_encode(*octets)) == octets, "Base64 survives");
    return 0;
}
