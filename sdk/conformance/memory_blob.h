// Octets in memory that a transport reads as it reads a blob of a store.
#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "edgesync/sdk/error.h"
#include "edgesync/sdk/store.h"

namespace edgesync::conformance {

class MemoryBlob : public BlobReader {
public:
    explicit MemoryBlob(std::shared_ptr<const std::vector<std::byte>> octets, std::int64_t broken_at = INT64_MAX)
        : octets_(std::move(octets)), broken_at_(broken_at) {}
    explicit MemoryBlob(std::vector<std::byte> octets, std::int64_t broken_at = INT64_MAX)
        : MemoryBlob(std::make_shared<const std::vector<std::byte>>(std::move(octets)), broken_at) {}

    std::int64_t size() const override { return static_cast<std::int64_t>(octets_->size()); }

    std::size_t read(std::int64_t offset, std::span<std::byte> out) override {
        if (offset + static_cast<std::int64_t>(out.size()) > broken_at_) throw Error(ErrorKind::Io, "The disk is broken here");
        if (offset < 0 || offset >= size()) return 0;
        const std::size_t count = std::min(out.size(), octets_->size() - static_cast<std::size_t>(offset));
        std::memcpy(out.data(), octets_->data() + offset, count);
        return count;
    }

private:
    std::shared_ptr<const std::vector<std::byte>> octets_;
    std::int64_t broken_at_;
};

}  // namespace edgesync::conformance
