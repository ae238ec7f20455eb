#include "journal.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "durable_folder.h"
#include "edgesync/sdk/error.h"

namespace edgesync::lmdb {

using durable::fail;
using durable::sync_folder;

namespace {

/// Pages that commits give up cannot be used again before the next checkpoint: some 20 per commit. So that small commits do not make
/// the database grow by much more than the log's size, each counts as this many octets of a segment.
constexpr std::size_t kSegmentPerCommit = 16 * 1024;

/// Of the log, and more than a record's head.
constexpr std::size_t kBlock = 4096;

}  // namespace

Journal::Journal(Environment& environment, std::size_t segment_size)
    : environment_(environment), segment_size_(segment_size), log_(environment.folder() / "commit.log") {}

Journal::~Journal() {
    end();
    if (database_ >= 0) ::close(database_);
}

void Journal::restore() {
    if (!log_.exists()) return;
    log_.open();
    const Checkpoint& last = log_.checkpoint();
    if (last.is_clean) return;
    const std::string problem = "The log " + log_.file().string() + " does not belong to the database beside it";
    const std::uint64_t found = environment_.last_transaction_in_file();
    if (found < last.transaction) throw Error(ErrorKind::Corrupt, problem + ": the files of this folder belong together");
    const int fd = ::open(environment_.file().c_str(), O_RDWR | O_CLOEXEC);
    if (fd < 0) fail("Cannot open " + environment_.file().string(), errno);
    bool is_done = true;
    for (std::size_t i = 0; i < last.meta_pages.size(); ++i) {
        const auto& page = last.meta_pages[i];
        const auto size = static_cast<ssize_t>(page.size());
        is_done = is_done && ::pwrite(fd, page.data(), page.size(), static_cast<off_t>(i * last.page_size)) == size;
    }
    is_done = is_done && ::fdatasync(fd) == 0;
    const int code = errno;
    ::close(fd);
    if (!is_done) fail("Cannot restore " + environment_.file().string(), code);
}

void Journal::begin(bool is_used) {
    database_ = ::open(environment_.file().c_str(), O_RDWR | O_CLOEXEC);
    if (database_ < 0) fail("Cannot open " + environment_.file().string(), errno);
    pin();
    if (log_.exists() && !log_.checkpoint().is_clean) replay();
    if (is_used && log_.exists() && log_.segment_size() == segment_size_) {
        Checkpoint next = look();
        log_.turn_to_other_segment(next);
        carry_out(next);
    } else {
        if (::fdatasync(database_) != 0) fail("Cannot sync " + environment_.file().string(), errno);
        unpin();
        log_.close();
        if (!is_used) {
            std::filesystem::remove(log_.file());
            return sync_folder(environment_.folder());
        }
        pin();
        log_.create(segment_size_, look());
    }
    sync_folder(environment_.folder());
    thread_ = std::thread([this] { run(); });
}

void Journal::replay() {
    for (;;) {
        MDB_txn* txn = environment_.begin_write();
        try {
            log_.replay([&](std::string_view octets) { ChangeList::apply(octets, environment_, txn); });
        } catch (const MapFull&) {
            mdb_txn_abort(txn);
            grow_to_replay();
            continue;
        } catch (...) {
            mdb_txn_abort(txn);
            throw;
        }
        const int result = mdb_txn_commit(txn);
        if (result != MDB_MAP_FULL) {
            check(result, "restoring");
            return;
        }
        grow_to_replay();
    }
}

/// What was acknowledged had room, so the configured limit does not apply: all changes in one transaction may need a few more pages.
void Journal::grow_to_replay() {
    unpin();
    environment_.grow_beyond_limit();
    pin();
}

void Journal::end() noexcept {
    try {
        if (thread_.joinable() && !has_kept()) {
            checkpoint();
            Checkpoint last = log_.checkpoint();
            last.is_clean = true;
            log_.write_checkpoint(last);
        }
    } catch (...) {
        // The log is still there; the next start does its changes again.
    }
    {
        const std::lock_guard lock(mutex_);
        is_ending_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
    unpin();
    log_.close();
}

void Journal::log(const ChangeList& changes) {
    check_usable();
    const std::size_t size = changes.octets().size();
    is_revocable_ = false;
    is_logged_ = log_.fits_a_segment(size) && (!has_kept() || log_.fits_a_segment(size + kept_octets_ + 2 * kBlock));
    if (!is_logged_) return;
    if (!log_.has_room(size)) {
        wait_for_checkpoint();
        begin_checkpoint();
    }
    try {
        log_.append(changes.octets());
        is_revocable_ = true;
    } catch (const Error& error) {
        if (log_.is_uncertain()) broken_ = error.what();
        throw;
    }
}

void Journal::keep(std::shared_ptr<const std::string> octets) {
    kept_octets_ += octets->size();
    kept_.push_back(std::move(octets));
    is_revocable_ = false;
}

void Journal::apply_kept(MDB_txn* txn) const {
    for (const auto& octets : kept_) ChangeList::apply(*octets, environment_, txn);
}

void Journal::commit(MDB_txn* txn) {
    try {
        check(mdb_txn_commit(txn), "committing");
    } catch (...) {
        if (!std::exchange(is_revocable_, false)) throw;
        try {
            log_.revoke();
        } catch (const Error& error) {
            broken_ = error.what();
        }
        throw;
    }
    ++commits_;
    has_committed_nothing_ = false;
    is_revocable_ = false;
    kept_.clear();
    kept_octets_ = 0;
    if (!is_logged_) return settle();
    if (commits_ >= segment_size_ / kSegmentPerCommit) begin_checkpoint();
}

void Journal::commit_unlogged(MDB_txn* txn) {
    if (!broken_.empty()) mdb_txn_abort(txn);
    check_usable();
    is_logged_ = false;
    is_revocable_ = false;
    commit(txn);
}

/// Makes a commit durable that is not in the log. If that fails, nothing may be logged behind it.
void Journal::settle() {
    try {
        checkpoint();
    } catch (const Error& error) {
        broken_ = error.what();
        throw;
    }
}

void Journal::begin_checkpoint() {
    {
        const std::lock_guard lock(mutex_);
        if (is_wanted_ || failure_) return;
    }
    Checkpoint next = look();
    if (const int result = mdb_txn_begin(environment_.handle(), nullptr, MDB_RDONLY, &next_pin_); result != MDB_SUCCESS) {
        next_pin_ = nullptr;
        check(result, "keeping a checkpoint");
    }
    log_.turn_to_other_segment(next);
    carry_kept();
    commits_ = 0;
    {
        const std::lock_guard lock(mutex_);
        wanted_ = next;
        is_wanted_ = true;
    }
    changed_.notify_all();
}

/// Begins the new segment with the changes that the checkpoint's state does not have, in one record: of several, a cut could leave the
/// first ones, which would take back what the last ones changed.
void Journal::carry_kept() {
    if (!has_kept()) return;
    try {
        check_usable();
        std::string all;
        all.reserve(kept_octets_);
        for (const auto& octets : kept_) all += *octets;
        log_.append(all);
    } catch (const std::exception& error) {
        // The new segment may be used only if the checkpoint is made.
        if (broken_.empty()) broken_ = error.what();
        mdb_txn_abort(std::exchange(next_pin_, nullptr));
        throw;
    }
}

void Journal::checkpoint() {
    wait_for_checkpoint();
    if (!is_ahead()) return;
    begin_checkpoint();
    wait_for_checkpoint();
}

void Journal::grow() {
    environment_.check_growth();
    checkpoint();
    resize([this] { environment_.grow(); });
}

/// The map may move while nothing is pinned; no commit comes in between.
void Journal::resize(const std::function<void()>& change) {
    unpin();
    try {
        change();
    } catch (...) {
        pin();
        throw;
    }
    pin();
}

void Journal::make_room() {
    if (is_ahead()) return checkpoint();
    if (environment_.may_grow()) return grow();
    if (has_committed_nothing_) environment_.check_growth();
    commit_nothing();
    has_committed_nothing_ = true;
}

/// LMDB does not use the pages that the last commit gave up, because the checkpoint is of that commit. In a full store they may be
/// all there is, so one more commit makes them usable; its few pages are the only ones above the limit.
void Journal::commit_nothing() {
    checkpoint();
    resize([this] { environment_.lend_pages(); });
    MDB_txn* txn = environment_.begin_write();
    try {
        apply_kept(txn);
        MDB_val key{8, const_cast<char*>("released")};
        MDB_val value{1, const_cast<char*>("x")};
        check(mdb_put(txn, environment_.dbi(Table::Meta), &key, &value, 0), "making room");
    } catch (...) {
        mdb_txn_abort(txn);  // Whatever it was, who needed the room will meet it again.
        txn = nullptr;
    }
    if (txn != nullptr) commit_unlogged(txn);
    resize([this] { environment_.return_pages(); });
}

/// LMDB's state after the last commit. No commit may run.
Checkpoint Journal::look() const {
    Checkpoint state;
    state.page_size = environment_.page_size();
    state.transaction = environment_.last_transaction();
    for (std::size_t i = 0; i < state.meta_pages.size(); ++i) {
        auto& page = state.meta_pages[i];
        if (::pread(database_, page.data(), page.size(), static_cast<off_t>(i * state.page_size)) != static_cast<ssize_t>(page.size()))
            fail("Cannot read " + environment_.file().string(), errno);
    }
    return state;
}

void Journal::pin() { check(mdb_txn_begin(environment_.handle(), nullptr, MDB_RDONLY, &pin_), "keeping a checkpoint"); }

void Journal::unpin() noexcept {
    for (MDB_txn** txn : {&pin_, &next_pin_}) {
        if (*txn != nullptr) mdb_txn_abort(*txn);
        *txn = nullptr;
    }
}

void Journal::carry_out(const Checkpoint& next) {
    if (::fdatasync(database_) != 0) fail("Cannot sync " + environment_.file().string(), errno);
    log_.write_checkpoint(next);
}

void Journal::run() {
    std::unique_lock lock(mutex_);
    for (;;) {
        changed_.wait(lock, [this] { return is_wanted_ || is_ending_; });
        if (!is_wanted_) return;
        const Checkpoint next = wanted_;
        lock.unlock();
        std::exception_ptr failure;
        try {
            carry_out(next);
        } catch (...) {
            failure = std::current_exception();
        }
        if (!failure) {
            mdb_txn_abort(pin_);
            pin_ = std::exchange(next_pin_, nullptr);
        }
        lock.lock();
        // After a failed sync nobody knows what the disk holds; the log does.
        failure_ = failure;
        is_wanted_ = false;
        changed_.notify_all();
        if (failure_) return;
    }
}

void Journal::wait_for_checkpoint() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !is_wanted_; });
    if (failure_) std::rethrow_exception(failure_);
}

void Journal::check_usable() const {
    if (!broken_.empty()) throw Error(ErrorKind::Io, broken_ + "; the service must be restarted");
}

}  // namespace edgesync::lmdb
