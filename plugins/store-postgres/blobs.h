// Octets of blobs that are too large for their record's row: rows of 1 MiB each, written and read apart from transactions.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>

#include "connection_pool.h"
#include "edgesync/sdk/store.h"

namespace edgesync::postgres {

/// Which blobs are being read in this process. Thread-safe.
class OpenReaders {
public:
    void add(const BlobId& id);
    void remove(const BlobId& id);
    std::vector<BlobId> all() const;

private:
    mutable std::mutex mutex_;
    std::map<BlobId, std::size_t> counts_;
};

/// Thread-safe. Readers and writers keep what they need alive.
class Blobs : public BlobStore {
public:
    explicit Blobs(std::shared_ptr<ConnectionPool> pool) : pool_(std::move(pool)), readers_(std::make_shared<OpenReaders>()) {}

    /// Staged octets without a record belong to the run of the service that started them; `owner` names this run.
    void set_owner(std::int64_t owner) { owner_ = owner; }

    BlobId new_id() override;
    std::unique_ptr<BlobWriter> create(const BlobId& id) override;
    std::unique_ptr<BlobWriter> reopen(const BlobId& id) override;
    void discard(const BlobId& id) noexcept override;

    std::unique_ptr<BlobReader> open(const BlobId& id, std::int64_t size);
    /// Removes octets whose blob was erased longer than `grace` ago and is not being read here. Blocks.
    void sweep(std::chrono::seconds grace);

private:
    const std::shared_ptr<ConnectionPool> pool_;
    const std::shared_ptr<OpenReaders> readers_;
    std::int64_t owner_ = 0;
};

/// A copy of small data.
class SmallReader : public BlobReader {
public:
    explicit SmallReader(std::string octets) : octets_(std::move(octets)) {}
    std::int64_t size() const override { return static_cast<std::int64_t>(octets_.size()); }
    std::size_t read(std::int64_t offset, std::span<std::byte> out) override;

private:
    const std::string octets_;
};

/// What the statement `extent` says: the end of the last octet.
std::int64_t extent_in(const Rows& rows);

}  // namespace edgesync::postgres
