// Octets of blobs that are too large for their record's row, written and read apart from transactions: rows of 1 MiB each, or, if there
// is a folder for them, files.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>

#include "connection_pool.h"
#include "edgesync/sdk/store.h"
#include "shared_folder.h"
#include "sql_text.h"

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

/// Counts as a reader as long as it lives.
class Reading {
public:
    Reading(std::shared_ptr<OpenReaders> readers, const BlobId& id) : readers_(std::move(readers)), id_(id) { readers_->add(id_); }
    ~Reading() { readers_->remove(id_); }
    Reading(const Reading&) = delete;
    Reading& operator=(const Reading&) = delete;

private:
    const std::shared_ptr<OpenReaders> readers_;
    const BlobId id_;
};

/// What a writer says once the blob is sealed. @throws Error{Conflict}
[[noreturn]] void refuse_sealed();

/// Thread-safe. Readers and writers keep what they need alive.
class Blobs : public BlobStore {
public:
    explicit Blobs(std::shared_ptr<ConnectionPool> pool) : pool_(std::move(pool)), readers_(std::make_shared<OpenReaders>()) {}

    /// Staged octets without a record belong to the run of the service that started them; `owner` names this run. Before any use.
    void set_owner(std::int64_t owner) { owner_ = owner; }
    /// Blobs of more than `above` bytes, and those of unknown size, become files. Null: all are rows. Before any use.
    void set_folder(std::shared_ptr<SharedFolder> folder, std::int64_t above) {
        folder_ = std::move(folder);
        above_ = above;
    }

    BlobId new_id() override;
    std::unique_ptr<BlobWriter> create(const BlobId& id) override { return create_sized(id, -1); }
    std::unique_ptr<BlobWriter> create_sized(const BlobId& id, std::int64_t size) override;
    std::unique_ptr<BlobWriter> reopen(const BlobId& id) override;
    void discard(const BlobId& id) noexcept override;
    bool seal(const BlobId& id) override;

    std::unique_ptr<BlobReader> open(const BlobId& id, std::int64_t size);
    /// -1: all that is in the file. @throws Error{Io} if it is missing
    std::unique_ptr<BlobReader> open_file(const BlobId& id, std::int64_t size);
    /// Removes octets whose blob was erased longer than `grace` ago and is not being read here. Blocks.
    void sweep(std::chrono::seconds grace);
    void remove_files() const;
    /// What is wrong with the folder, as the last sweep found it; one sentence, empty when well.
    std::string problem() const;

private:
    std::string look_after_folder(std::chrono::seconds grace, ArrayText kept);
    SharedFolder& folder() const;
    std::string remove_file(const BlobId& id) const;
    /// `kept`: what is not looked at. Why a file stays that should go; empty: none does.
    std::string sweep_files(std::chrono::seconds grace, ArrayText kept);
    /// Files that no record of octets knows: what is left when an older state of the database was restored. One that cannot be removed is
    /// tried again another time.
    void remove_strays();

    const std::shared_ptr<ConnectionPool> pool_;
    const std::shared_ptr<OpenReaders> readers_;
    std::int64_t owner_ = 0;
    std::shared_ptr<SharedFolder> folder_;
    std::int64_t above_ = 0;
    mutable std::mutex mutex_;
    std::string problem_;
    std::uint8_t next_folder_ = 0;  ///< Whose strays are looked for next.
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
