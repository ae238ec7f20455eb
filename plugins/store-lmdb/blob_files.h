// Octets of large blobs: one file each, named by the blob's id for its whole life. Whether a file is staged or published is said by
// the blob's record; a file without a record is an orphan that is removed after the next start.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <functional>
#include <mutex>
#include <set>
#include <thread>

#include "edgesync/sdk/store.h"
#include "snapshots.h"

namespace edgesync::lmdb {

/// Thread-safe after `open`.
class BlobFiles : public BlobStore {
public:
    explicit BlobFiles(std::filesystem::path folder) : folder_(std::move(folder)) {}
    ~BlobFiles() override { close(); }

    /// `has_record` decides which files of earlier runs are orphans; it is called on the cleaning thread until `close`.
    void open(std::function<bool(const BlobId&)> has_record);
    void close() noexcept;

    BlobId new_id() override;
    std::unique_ptr<BlobWriter> create(const BlobId& id) override;
    std::unique_ptr<BlobWriter> reopen(const BlobId& id) override;
    void discard(const BlobId& id) noexcept override;

    /// Null if there is no such file.
    std::unique_ptr<BlobReader> open_file(const BlobId& id) const;
    /// Every read of the records is one of these.
    Snapshots& snapshots() noexcept { return snapshots_; }
    /// Of blobs whose records a commit has erased. Removes the files when no snapshot that is older than this call is left, on the
    /// cleaning thread, because unlinking a large file takes long.
    void remove_later(std::vector<BlobId> ids);
    /// Removes all files at once.
    void remove_all();

private:
    std::filesystem::path file_of(const BlobId& id) const;
    void clean();
    void sweep_orphans();
    bool is_orphan(const BlobId& id);

    const std::filesystem::path folder_;
    std::function<bool(const BlobId&)> has_record_;
    Snapshots snapshots_;
    std::mutex mutex_;
    std::condition_variable wake_;
    std::array<std::atomic<bool>, 256> durable_folders_{};  ///< Whose entries survive power loss, by the last octet of the blob's id.
    std::deque<BlobId> doomed_;
    std::condition_variable swept_;
    std::set<BlobId> fresh_;  ///< Created while the sweep runs.
    bool is_sweeping_ = false;
    bool is_closing_ = false;
    std::thread cleaner_;
};

/// A copy of small data.
class MemoryReader : public BlobReader {
public:
    explicit MemoryReader(std::string octets) : octets_(std::move(octets)) {}
    std::int64_t size() const override { return static_cast<std::int64_t>(octets_.size()); }
    std::size_t read(std::int64_t offset, std::span<std::byte> out) override;

private:
    const std::string octets_;
};

}  // namespace edgesync::lmdb
