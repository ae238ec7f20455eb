#include "plugins/durable-files/blob_name.h"

#include <gtest/gtest.h>

namespace edgesync::durable {
namespace {

TEST(BlobName, LeadsBackToItsBlob) {
    BlobId id;
    for (std::size_t i = 0; i < id.bytes.size(); ++i) id.bytes[i] = static_cast<std::uint8_t>(i * 17);
    EXPECT_EQ(name_of(id), "00112233445566778899aabbccddeeff");
    EXPECT_EQ(path_of(id), "ff/00112233445566778899aabbccddeeff");
    EXPECT_EQ(blob_named(name_of(id)), id);
}

TEST(BlobName, IsNothingElse) {
    for (const char* name : {"", "00", "00112233445566778899AABBCCDDEEFF", "00112233445566778899aabbccddeefg",
                             "../0112233445566778899aabbccddee", "00112233445566778899aabbccddeeff0"}) {
        EXPECT_FALSE(blob_named(name)) << name;
    }
}

}  // namespace
}  // namespace edgesync::durable
