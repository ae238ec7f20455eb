#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/data/digest.h"

namespace edgesync::data {
namespace {

/// A blob in memory that counts what is read back.
class CountingBlob : public BlobWriter {
public:
    void write(std::int64_t offset, std::span<const std::byte> octets) override {
        const auto end = static_cast<std::size_t>(offset) + octets.size();
        if (octets_.size() < end) octets_.resize(end);
        std::copy(octets.begin(), octets.end(), octets_.begin() + offset);
    }
    void sync() override {}
    std::size_t read(std::int64_t offset, std::span<std::byte> out) override {
        const auto begin = std::min(static_cast<std::size_t>(offset), octets_.size());
        const std::size_t count = std::min(out.size(), octets_.size() - begin);
        std::copy_n(octets_.begin() + static_cast<std::ptrdiff_t>(begin), count, out.begin());
        read_back += count;
        return count;
    }

    std::size_t read_back = 0;

private:
    std::vector<std::byte> octets_;
};

void arrive(CountingBlob& blob, BlobDigest& digest, std::int64_t offset, std::string_view text) {
    const auto octets = std::as_bytes(std::span(text));
    blob.write(offset, octets);
    digest.written(offset, octets);
}

TEST(BlobDigest, OnlyWhatArrivesBeforeItsTurnIsReadBack) {
    CountingBlob blob;
    BlobDigest digest;
    arrive(blob, digest, 4, "bbbb");
    arrive(blob, digest, 0, "aaaa");
    digest.catch_up(blob, 8);
    EXPECT_EQ(blob.read_back, 4u);
    arrive(blob, digest, 8, "cccc");
    digest.catch_up(blob, 12);
    EXPECT_EQ(digest.finish(blob, 12), sha256_of("aaaabbbbcccc"));
    EXPECT_EQ(blob.read_back, 4u) << "the third part came in its turn";
}

TEST(BlobDigest, MuchIsReadBackInParts) {
    CountingBlob blob;
    BlobDigest digest;
    constexpr std::int64_t kMost = 16 * 1024 * 1024;
    const std::string much(kMost + 5, 'x');
    blob.write(0, std::as_bytes(std::span(much)));
    digest.catch_up(blob, kMost + 5);
    EXPECT_EQ(blob.read_back, static_cast<std::size_t>(kMost));
    EXPECT_EQ(digest.finish(blob, kMost + 5), sha256_of(much));
    EXPECT_EQ(blob.read_back, static_cast<std::size_t>(kMost) + 5);
}

TEST(BlobDigest, OctetsThatAreWrittenAgainAreHashedAgain) {
    CountingBlob blob;
    BlobDigest digest;
    arrive(blob, digest, 0, "aaaa");
    arrive(blob, digest, 0, "bbbb");
    digest.catch_up(blob, 4);
    EXPECT_EQ(blob.read_back, 0u) << "all is read back at the end";
    EXPECT_EQ(digest.finish(blob, 4), sha256_of("bbbb"));
}

}  // namespace
}  // namespace edgesync::data
