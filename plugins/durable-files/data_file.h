// The file of one large blob.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "edgesync/sdk/store.h"

namespace edgesync::durable {

/// Thread-safe for disjoint ranges.
class DataFile {
public:
    /// What lies behind this offset may be written past the page cache: of a large file, the beginning at most is worth the memory
    /// that other data would lose, and writing past the cache costs less than half.
    static constexpr std::int64_t kCached = 32 * 1024 * 1024;
    /// Offset, address and size of what is written past the cache are multiples of this.
    static constexpr std::size_t kAlignment = 4096;

    /// Owns the descriptor.
    explicit DataFile(int fd) : fd_(fd) {}
    ~DataFile();
    DataFile(const DataFile&) = delete;
    DataFile& operator=(const DataFile&) = delete;

    int fd() const { return fd_; }
    /// Less than asked for only at the end of the file. @throws Error{Io}
    std::size_t read(std::int64_t offset, std::span<std::byte> out) const;
    /// @throws Error{NoSpace, Io}
    void write(std::int64_t offset, std::span<const std::byte> octets);

private:
    std::size_t write_past_cache(std::int64_t offset, std::span<const std::byte> octets);
    int direct_fd();

    static constexpr int kNotOpened = -1;
    static constexpr int kImpossible = -2;

    const int fd_;
    std::atomic<int> direct_fd_{kNotOpened};
};

/// Reads a blob that is a file of its own.
class FileReader : public BlobReader {
public:
    /// Owns the descriptor.
    FileReader(int fd, std::int64_t size) : file_(fd), size_(size) {}
    std::int64_t size() const override { return size_; }
    std::size_t read(std::int64_t offset, std::span<std::byte> out) override { return file_.read(offset, out); }
    int file_descriptor() const override { return file_.fd(); }

private:
    const DataFile file_;
    const std::int64_t size_;
};

}  // namespace edgesync::durable
