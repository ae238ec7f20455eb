// Makes commits durable through the log, and the database's own file durable now and then.
//
// A group's changes are logged, synced; then it is answered; then LMDB commits it together with others, without a sync. So nothing is seen
// by readers, let alone acknowledged, before it is durable. Power loss may leave any mixture of LMDB's later pages in its file, but none of
// them lies over a page of the last checkpoint, because a read transaction pins that state: the next start puts LMDB's meta pages of the
// checkpoint back and does the logged changes again. A checkpoint's log begins with the changes that are logged but not committed.
#pragma once

#include <condition_variable>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "change_list.h"
#include "commit_log.h"
#include "environment.h"

namespace edgesync::lmdb {

/// All calls except the constructor and the destructor come from one thread at a time: the store's writer, or the one that opens it.
class Journal {
public:
    Journal(Environment& environment, std::size_t segment_size);
    ~Journal();
    Journal(const Journal&) = delete;
    Journal& operator=(const Journal&) = delete;

    /// Before the environment is opened: puts the meta pages of the last checkpoint back if the store was not closed after it.
    /// @throws Error{Corrupt, Io}
    void restore();
    /// After it is opened: does the logged changes again, makes a checkpoint, and begins (or, with `is_used` false, removes) the log.
    /// @throws Error{Corrupt, Io, NoSpace}
    void begin(bool is_used);
    /// Ends with a checkpoint that needs no log.
    void end() noexcept;

    /// Durable on return, unless the changes are larger than a segment: then `commit` makes them so.
    /// @throws Error{Io}
    void log(const ChangeList& changes);
    /// Whether changes of this size, just logged, may be answered before they are committed.
    bool may_keep(std::size_t size) const { return is_logged_ && kept_octets_ + size <= most_kept(); }
    /// The changes that were just logged are answered, and committed later.
    void keep(std::shared_ptr<const std::string> octets);
    bool has_kept() const { return kept_octets_ > 0; }
    bool must_commit_kept() const { return kept_octets_ > most_kept() / 2; }
    /// What a commit of all that may be kept adds to the database's file at most, octets: a copied page for every change.
    std::size_t room_to_keep() const { return 128 * most_kept(); }
    /// Does all that is kept in a transaction that does not have it. @throws MapFull
    void apply_kept(MDB_txn* txn) const;
    /// Commits what was logged, and all that is kept, which must be in `txn`. @throws what LMDB's commit throws; then what was logged
    /// and not kept is taken back.
    void commit(MDB_txn* txn);
    /// Commits without the log, durably. @throws as `commit`, Error{Io}
    void commit_unlogged(MDB_txn* txn);

    /// True while there are changes that only the log holds.
    bool is_ahead() const { return commits_ > 0; }
    /// Begins a checkpoint in the background unless one is under way.
    void begin_checkpoint();
    /// Returns when all commits are in the database's own file. @throws Error{Io}
    void checkpoint();
    /// Gives the environment a larger map. @throws as `Environment::grow`
    void grow();
    /// After MapFull: makes pages usable that were given up, or grows. @throws Error{NoSpace} when nothing helps any more; Error{Io}
    void make_room();

private:
    void replay();
    void grow_to_replay();
    void resize(const std::function<void()>& change);
    void commit_nothing();
    void settle();
    void run();
    Checkpoint look() const;
    void pin();
    void unpin() noexcept;
    void carry_out(const Checkpoint& next);
    void wait_for_checkpoint();
    void check_usable() const;
    void carry_kept();
    std::size_t most_kept() const { return segment_size_ / 32; }

    Environment& environment_;
    const std::size_t segment_size_;
    CommitLog log_;
    int database_ = -1;
    MDB_txn* pin_ = nullptr;       ///< Keeps the pages of the last finished checkpoint.
    MDB_txn* next_pin_ = nullptr;  ///< Keeps those of the one under way.
    std::size_t commits_ = 0;      ///< Since the last checkpoint began.
    bool is_logged_ = false;
    bool is_revocable_ = false;  ///< The last record is not kept: nobody was answered yet.
    std::vector<std::shared_ptr<const std::string>> kept_;
    std::size_t kept_octets_ = 0;
    bool has_committed_nothing_ = false;  ///< Since the last commit of something.
    std::string broken_;                  ///< Why nothing can be written until the next start.

    std::mutex mutex_;
    std::condition_variable changed_;
    Checkpoint wanted_;
    bool is_wanted_ = false;
    bool is_ending_ = false;
    std::exception_ptr failure_;
    std::thread thread_;
};

}  // namespace edgesync::lmdb
