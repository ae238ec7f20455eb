// A packet from a broker is a command, data or refused; what was read means the same when it is written and read again.
#include "edgesync/sdk/codec.h"
#include "tests/fuzz/fuzz_target.h"

namespace edgesync::fuzz {
namespace {

void check_command(std::string_view octets) {
    const auto decoded = codec::command_from_json(octets);
    if (!decoded) return;
    const std::string text = codec::command_to_json(decoded->message, decoded->destination, decoded->message.protocol);
    require(!codec::is_data_message(text), "a command is no data");
    const auto again = codec::command_from_json(text);
    require(again && again->message.meta == decoded->message.meta, "metadata survive their packet");
    require(codec::command_to_json(again->message, again->destination, again->message.protocol) == text, "a command survives its text");
    const auto size = decoded->message.sha256.size();
    require(size == 0 || size == 32, "a digest is one");
}

void check_data(std::string_view octets) {
    const auto read = codec::decode_data(octets);
    require(codec::is_data_message(octets), "data are told from a command");
    require(!read.key.type.empty() && !read.key.id.empty() && read.offset >= 0, "data belong to an object");
    require(read.data.data() >= octets.data() && read.data.data() + read.data.size() <= octets.data() + octets.size(),
            "data lie in their message");
    const std::string header = codec::encode_data_header(read.key, read.instance_id, read.offset, read.data.size());
    const std::string written = header + std::string(read.data);
    const auto again = codec::decode_data(written);
    require(again.key == read.key && again.instance_id == read.instance_id && again.offset == read.offset && again.data == read.data &&
                !again.is_cut_short,
            "data survive their message");
}

}  // namespace
}  // namespace edgesync::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace edgesync;
    using namespace edgesync::fuzz;
    const std::string_view octets = text_of(data, size);
    succeeds(ErrorKind::InvalidRequest, [&] { check_command(octets); });
    succeeds(ErrorKind::InvalidRequest, [&] { check_data(octets); });
    return 0;
}
