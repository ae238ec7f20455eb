// One writer: gathers submitted functions into one record of the log, syncs it, then tells all callers; and several such groups into one
// LMDB transaction. Throughput comes from sharing the sync and the copied pages, never from leaving a sync out.
//
// Where the map or the disk may be too small for what is answered, every group is committed before it is answered, so that it can be
// refused.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "blob_files.h"
#include "change_list.h"
#include "edgesync/sdk/log.h"
#include "environment.h"
#include "journal.h"
#include "overlay.h"
#include "write_transaction.h"

namespace edgesync::lmdb {

/// Thread-safe between `start` and `stop`.
class GroupCommit {
public:
    using Function = std::function<void(WriteTransaction&)>;
    using Done = std::function<void(std::exception_ptr)>;

    /// `journal`: null if LMDB itself does what the configuration asks for at a commit.
    GroupCommit(Environment& environment, BlobFiles& files, Journal* journal, Log& log)
        : environment_(environment), files_(files), journal_(journal), log_(log) {}
    ~GroupCommit() { stop(); }

    void start();
    /// Runs what was submitted, then ends.
    void stop() noexcept;
    /// @throws Error{Busy}
    void submit(Function function, Done done);
    /// Empties the store, in its turn, and waits for that. @throws Error{Busy, Io, NoSpace}
    void clear();

    /// What readers see above a snapshot taken afterwards (overlay.h).
    std::shared_ptr<const PendingChanges> pending() const { return overlay_.pending(); }

    std::uint64_t failures() const { return failures_.load(); }
    std::int64_t last_failure() const { return last_failure_.load(); }  ///< Nanoseconds since the epoch; 0: never.

private:
    struct Item {
        Function function;
        Done done;
        std::exception_ptr error;
        bool is_finished = false;  ///< Failed by itself; not part of the group any more.
        bool is_clear = false;     ///< Empties the store; is a group of its own.
    };

    static constexpr std::size_t kLargestGroup = 256;
    static constexpr std::size_t kLongestQueue = 10000;
    static constexpr std::chrono::milliseconds kLongestGroup{2};
    static constexpr std::chrono::seconds kIdle{1};  ///< After which the log is brought into the database.

    struct Abort {
        void operator()(MDB_txn* txn) const { mdb_txn_abort(txn); }
    };
    /// Aborted unless it is committed or put back.
    using Transaction = std::unique_ptr<MDB_txn, Abort>;

    void enqueue(Item item);
    void run();
    std::vector<Item> next_group();
    void clear_store(Item& item);
    void finish(const Item& item) noexcept;
    Transaction begin();
    Transaction open();
    void end_group(Transaction txn);
    void commit(Transaction txn, bool is_logged = true);
    void commit_kept();
    void try_commit_kept() noexcept;
    void bring_into_database();
    void count_failure() noexcept;
    void grow();
    void run_group(std::vector<Item>& group);
    void run_with_room(std::vector<Item>& group, std::size_t& count, std::vector<BlobId>& erased);
    bool try_group(std::vector<Item>& group, std::size_t& count, std::vector<BlobId>& erased);
    void fail_group(std::vector<Item>& group, std::size_t count, std::exception_ptr error);
    void load_sequences();

    Environment& environment_;
    BlobFiles& files_;
    Journal* const journal_;
    Log& log_;
    Overlay overlay_;
    ChangeList changes_;
    Transaction txn_;        ///< Has all that the journal keeps; null: nothing is kept, or a transaction with it was aborted.
    bool has_room_ = false;  ///< To answer groups before they are committed.
    Sequences sequences_;
    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<Item> queue_;
    bool is_stopping_ = false;
    std::thread writer_;
    std::atomic<std::uint64_t> failures_{0};
    std::atomic<std::int64_t> last_failure_{0};
};

}  // namespace edgesync::lmdb
