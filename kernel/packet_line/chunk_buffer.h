// Memory for the chunks of a transfer, used again and again: to get megabytes from the system for each chunk costs as much as to receive
// it.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

namespace edgesync::packet_line {

/// Octets that begin at a page, so that a store may write them past the page cache. Not initialized.
class ChunkBuffer {
public:
    ChunkBuffer() = default;
    /// @throws std::bad_alloc
    explicit ChunkBuffer(std::size_t size);

    std::byte* data() const { return octets_.get(); }
    std::size_t size() const { return size_; }
    /// To at least `size`, with what is in it. @throws std::bad_alloc
    void grow(std::size_t size);

private:
    struct Free {
        void operator()(std::byte* octets) const noexcept { std::free(octets); }
    };

    std::unique_ptr<std::byte[], Free> octets_;
    std::size_t size_ = 0;
};

/// Keeps buffers from one chunk to the next as long as something is fetched. Thread-safe.
class ChunkBuffers {
public:
    /// While one lives, buffers that are given back are kept.
    class User {
    public:
        explicit User(ChunkBuffers& buffers);
        ~User();
        User(const User&) = delete;
        User& operator=(const User&) = delete;

    private:
        ChunkBuffers& buffers_;
    };

    /// At least that large. @throws std::bad_alloc
    ChunkBuffer take(std::size_t size);
    void give_back(ChunkBuffer buffer);

private:
    std::mutex mutex_;
    std::size_t users_ = 0;
    std::vector<ChunkBuffer> spare_;  ///< At most one for each user.
};

}  // namespace edgesync::packet_line
