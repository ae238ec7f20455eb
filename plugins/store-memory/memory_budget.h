// The bound on what the store keeps: setting MemoryStoreMaxMB.
#pragma once

#include <atomic>
#include <cstdint>

#include "edgesync/sdk/error.h"

namespace edgesync::memory {

/// Counts bytes of records and blobs, as an estimate that leaves out the allocator's overhead. Thread-safe.
class MemoryBudget {
public:
    /// 0: no limit. Before first use only.
    void set_limit(std::int64_t bytes) noexcept { limit_ = bytes; }

    /// @throws Error{NoSpace}; then nothing was taken.
    void take(std::int64_t bytes) {
        const std::int64_t before = used_.fetch_add(bytes);
        if (limit_ == 0 || bytes <= 0 || before + bytes <= limit_) return;
        used_.fetch_sub(bytes);
        throw Error(ErrorKind::NoSpace, "the memory store is full: MemoryStoreMaxMB is " + std::to_string(limit_ >> 20));
    }

    void give_back(std::int64_t bytes) noexcept { used_.fetch_sub(bytes); }

private:
    std::atomic<std::int64_t> used_{0};
    std::int64_t limit_ = 0;
};

}  // namespace edgesync::memory
