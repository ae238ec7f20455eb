// The octets of one blob, in memory, with holes that cost nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <shared_mutex>
#include <span>
#include <vector>

#include "memory_budget.h"

namespace edgesync::memory {

/// Sparse: only pages that were written exist, each only as long as its last written octet. Thread-safe.
class BlobContent {
public:
    explicit BlobContent(std::shared_ptr<MemoryBudget> budget);
    ~BlobContent();
    BlobContent(const BlobContent&) = delete;
    BlobContent& operator=(const BlobContent&) = delete;

    /// @throws Error{NoSpace} and nothing is written; Error{InvalidRequest} for a negative offset.
    void write(std::int64_t offset, std::span<const std::byte> octets);

    /// Copies octets in [offset, min(offset + out.size(), end)); holes read as zero. Returns how many.
    std::size_t read(std::int64_t offset, std::span<std::byte> out, std::int64_t end) const;

    /// One past the last octet ever written.
    std::int64_t extent() const;

private:
    using Page = std::vector<std::byte>;

    std::int64_t growth(std::int64_t begin, std::int64_t end) const;

    std::shared_ptr<MemoryBudget> budget_;
    mutable std::shared_mutex mutex_;
    std::map<std::int64_t, Page> pages_;  ///< By page number.
    std::int64_t extent_ = 0;
    std::int64_t taken_ = 0;
};

}  // namespace edgesync::memory
