// A body that arrives from its first octet to its last: small ones stay in memory, larger ones go to a staged blob.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "edgesync/sdk/store.h"
#include "kernel/data/digest.h"

namespace edgesync::data {

/// One use, one thread at a time. Not finished: the staged blob is discarded.
class StreamedBlob {
public:
    /// Octets beyond `limit` (0: none) are Error{InvalidRequest}. `announced`: how many there should be, -1 if nobody said.
    StreamedBlob(Store& store, std::int64_t limit, std::int64_t announced);
    ~StreamedBlob();
    StreamedBlob(const StreamedBlob&) = delete;
    StreamedBlob& operator=(const StreamedBlob&) = delete;

    void write(std::span<const std::byte> octets);
    /// Makes staged octets durable and computes the digest. Blocks on disk.
    void finish();

    std::int64_t size() const { return size_; }
    const BlobId& id() const { return id_; }
    bool is_staged() const { return writer_ != nullptr; }
    const std::string& octets() const { return octets_; }
    const std::string& sha256() const { return sha256_; }
    /// A transaction has put the blob's record: it is no longer this object's to discard.
    void keep() { is_kept_ = true; }
    /// Reads what was written, for checks before it is published. Same contract as BlobReader::read.
    std::size_t read(std::int64_t offset, std::span<std::byte> out) const;

private:
    Store& store_;
    const std::int64_t limit_;
    const std::int64_t announced_;
    const std::int64_t inline_limit_;
    BlobId id_;
    std::string octets_;
    std::unique_ptr<BlobWriter> writer_;
    Sha256 hash_;
    std::string sha256_;
    std::int64_t size_ = 0;
    bool is_kept_ = false;
};

}  // namespace edgesync::data
