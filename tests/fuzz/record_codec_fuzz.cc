// A damaged record is found to be corrupt, or is a record that can be written and read again. The first octet chooses the kind.
#include "edgesync/sdk/codec.h"
#include "tests/fuzz/fuzz_target.h"

namespace edgesync::fuzz {
namespace {

template <typename Decode>
void check(std::string_view octets, const Decode& decode) {
    succeeds(ErrorKind::Corrupt, [&] {
        const auto record = decode(octets);
        require(decode(codec::encode(record)) == record, "a record survives its encoding");
    });
}

}  // namespace
}  // namespace edgesync::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace edgesync;
    using namespace edgesync::fuzz;
    if (size == 0) return 0;
    const std::string_view octets = text_of(data + 1, size - 1);
    switch (data[0] % 6) {
        case 0: check(octets, codec::decode_object); break;
        case 1: check(octets, codec::decode_notification); break;
        case 2: check(octets, codec::decode_delivery); break;
        case 3: check(octets, codec::decode_destination); break;
        case 4: check(octets, codec::decode_blob); break;
        default: check(octets, codec::decode_work); break;
    }
    return 0;
}
