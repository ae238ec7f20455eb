// One object's data on its way in, and the sinks that take the octets.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "edgesync/sdk/transport.h"
#include "kernel/data/digest.h"
#include "kernel/data/fetcher.h"
#include "kernel/data/ranges.h"

namespace edgesync::data {

/// Codes of feedback about a reception that failed.
inline constexpr std::int32_t kInternalError = 1;
inline constexpr std::int32_t kIoError = 2;

/// In messages of the log.
inline std::string name_of(const ObjectKey& key) { return key.type + "/" + key.id; }

/// Shared by the threads that fetch ranges of one object.
struct Fetcher::Transfer {
    Transfer() = default;
    Transfer(const Transfer&) = delete;
    Transfer& operator=(const Transfer&) = delete;
    ~Transfer() { wait_for_sync(); }  // The sync in the background refers to this object.

    ObjectKey key;
    Metadata meta;
    BlobId blob;
    bool has_record = false;
    std::unique_ptr<BlobWriter> writer;
    BlobDigest digest;

    std::mutex mutex;
    std::condition_variable synced;
    std::condition_variable stored;
    std::map<std::int64_t, std::int64_t> storing;  ///< Begin and end of what threads write and hash right now.
    std::vector<ByteRange> written;                ///< In the blob, perhaps not durable.
    std::vector<ByteRange> durable;                ///< Recorded.
    std::int64_t unsynced = 0;                     ///< Bytes written since the last sync began.
    bool is_syncing = false;
    std::string repr_sha256;

    std::int64_t total() {
        const std::lock_guard lock(mutex);
        return written.empty() ? 0 : written.back().end;
    }

    void wait_for_sync() {
        std::unique_lock lock(mutex);
        synced.wait(lock, [this] { return !is_syncing; });
    }
};

/// One piece of a transfer while a thread stores it.
class Storing {
public:
    Storing(Fetcher::Transfer& transfer, ByteRange range);
    ~Storing();
    Storing(const Storing&) = delete;
    Storing& operator=(const Storing&) = delete;

    /// Returns when the octets before the piece are hashed, or none of those who store could bring that about: the digest takes octets in
    /// order from memory and would have to read others back. Waits only for writes that are running.
    void wait_for_turn();

private:
    bool is_preceded() const;

    Fetcher::Transfer& transfer_;
    const ByteRange range_;
};

/// Collects small data, never more than announced.
class MemorySink : public DataSink {
public:
    explicit MemorySink(std::int64_t limit) : limit_(static_cast<std::size_t>(limit)) {}
    bool begin(bool whole, std::int64_t length, const std::string& repr_sha256) override {
        (void)whole;
        repr_sha256_ = repr_sha256;
        return length < 0 || static_cast<std::size_t>(length) <= limit_;
    }
    bool write(std::span<const std::byte> octets) override {
        if (octets_.size() + octets.size() > limit_) return false;
        octets_.append(reinterpret_cast<const char*>(octets.data()), octets.size());
        return true;
    }
    const std::string& octets() const { return octets_; }
    const std::string& repr_sha256() const { return repr_sha256_; }

private:
    const std::size_t limit_;
    std::string octets_;
    std::string repr_sha256_;
};

/// Writes one range (or the whole, when the range is empty) of a transfer into its blob.
class TransferSink : public DataSink {
public:
    TransferSink(Fetcher::Transfer& transfer, ByteRange range, std::int64_t limit, std::function<void()> make_durable,
                 rules::Scheduler& scheduler);

    bool begin(bool whole, std::int64_t length, const std::string& repr_sha256) override;
    bool write(std::span<const std::byte> octets) override;

    bool is_complete() const;
    /// The line ended early, as opposed to a wrong length.
    bool is_broken_line() const { return problem_.empty(); }
    std::string problem() const { return problem_.empty() ? "the connection ended early" : problem_; }

private:
    void sync_in_background();

    Fetcher::Transfer& transfer_;
    ByteRange range_;
    const std::int64_t limit_;
    const std::function<void()> make_durable_;
    rules::Scheduler& scheduler_;
    std::int64_t at_ = 0;
    std::int64_t expected_ = -1;
    std::string problem_;
};

}  // namespace edgesync::data
