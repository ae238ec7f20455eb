// The rows of one blob, read and written through the pool.
#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "blobs.h"

namespace edgesync::postgres {

/// Octets per row: large enough that a transfer is few round trips, small enough to be held in memory.
inline constexpr std::int64_t kChunk = 1024 * 1024;

/// Thread-safe; stateless but for the chunk that was read last, because blobs are read in pieces smaller than a chunk.
class ChunkSource {
public:
    ChunkSource(std::shared_ptr<ConnectionPool> pool, const BlobId& id) : pool_(std::move(pool)), id_(id) {}
    /// Copies up to `size`; holes are zeros. @throws Error{Io} if the octets are gone, Error{NotConnected}
    std::size_t read(std::int64_t offset, std::span<std::byte> out, std::int64_t size, bool may_keep);

private:
    std::shared_ptr<const std::string> fetch(std::int64_t number, bool may_keep);

    const std::shared_ptr<ConnectionPool> pool_;
    const BlobId id_;
    std::mutex mutex_;
    std::int64_t last_number_ = -1;
    std::shared_ptr<const std::string> last_;
};

class ChunkReader : public BlobReader {
public:
    ChunkReader(std::shared_ptr<ConnectionPool> pool, std::shared_ptr<OpenReaders> readers, const BlobId& id, std::int64_t size)
        : reading_(std::move(readers), id), size_(size), source_(std::move(pool), id) {}
    std::int64_t size() const override { return size_; }
    std::size_t read(std::int64_t offset, std::span<std::byte> out) override { return source_.read(offset, out, size_, true); }

private:
    const Reading reading_;
    const std::int64_t size_;
    ChunkSource source_;
};

/// Gathers pieces until a row is complete or `sync` is called, so that a row is not written once per piece. Holds at most eight
/// incomplete rows in memory. Of a blob that is sealed nothing is stored any more, what was gathered included.
class ChunkWriter : public BlobWriter {
public:
    ChunkWriter(std::shared_ptr<ConnectionPool> pool, const BlobId& id, std::int64_t extent, bool is_sealed)
        : pool_(pool), id_(id), source_(std::move(pool), id), is_sealed_(is_sealed), extent_(extent) {}
    void write(std::int64_t offset, std::span<const std::byte> octets) override;
    void sync() override;
    std::size_t read(std::int64_t offset, std::span<std::byte> out) override;

private:
    /// Pieces of one row by their place in it; disjoint and not adjacent.
    using Pieces = std::map<std::int64_t, std::string>;

    void gather(std::int64_t number, std::int64_t place, std::string_view octets);
    /// Takes one row to be written: a complete one, any if there are too many or all are wanted. False if there is none.
    bool take(bool wants_any, std::int64_t& number, Pieces& pieces);
    void store_some(bool wants_all);
    void store(std::int64_t number, const Pieces& pieces);
    std::int64_t extent_for(std::int64_t end);

    const std::shared_ptr<ConnectionPool> pool_;
    const BlobId id_;
    ChunkSource source_;
    std::mutex mutex_;
    std::condition_variable stored_;
    std::map<std::int64_t, Pieces> gathered_;
    int storing_ = 0;             ///< Rows that are taken and not durable yet.
    std::exception_ptr failure_;  ///< Octets were lost, so nothing may be called durable any more.
    std::atomic<bool> is_sealed_;
    std::int64_t extent_;  ///< The end of what is known to be there; others may have written behind it.
};

}  // namespace edgesync::postgres
