#include "group_commit.h"

#include <future>
#include <utility>

#include "edgesync/sdk/error.h"
#include "edgesync/sdk/key.h"

namespace edgesync::lmdb {
void GroupCommit::load_sequences() {
    environment_.read([this](MDB_txn* txn) {
        MDB_val key{9, const_cast<char*>("sequences")};
        MDB_val value{};
        if (!check(mdb_get(txn, environment_.dbi(Table::Meta), &key, &value), "reading")) return;
        const std::string_view octets(static_cast<const char*>(value.mv_data), value.mv_size);
        if (octets.size() != 24) throw Error(ErrorKind::Corrupt, "The store's sequences cannot be read");
        sequences_.notification = sequence_of(octets);
        sequences_.work = sequence_of(octets.substr(8));
        sequences_.instance = static_cast<InstanceId>(sequence_of(octets.substr(16)) ^ (std::uint64_t{1} << 63U));
    });
}

void GroupCommit::start() {
    load_sequences();
    writer_ = std::thread([this] { run(); });
}

void GroupCommit::stop() noexcept {
    {
        const std::lock_guard lock(mutex_);
        is_stopping_ = true;
    }
    wake_.notify_all();
    if (writer_.joinable()) writer_.join();
}

void GroupCommit::submit(Function function, Done done) {
    Item item;
    item.function = std::move(function);
    item.done = std::move(done);
    enqueue(std::move(item));
}

void GroupCommit::clear() {
    std::promise<void> cleared;
    Item item;
    item.is_clear = true;
    item.done = [&cleared](const std::exception_ptr& error) { error ? cleared.set_exception(error) : cleared.set_value(); };
    enqueue(std::move(item));
    cleared.get_future().get();
}

void GroupCommit::enqueue(Item item) {
    {
        const std::lock_guard lock(mutex_);
        if (is_stopping_) throw Error(ErrorKind::NotConnected, "The store is closing");
        if (queue_.size() >= kLongestQueue)
            throw Error(ErrorKind::Busy, "The store has " + std::to_string(kLongestQueue) + " changes waiting");
        queue_.push_back(std::move(item));
    }
    wake_.notify_one();
}

/// Waits; empty at the end.
std::vector<GroupCommit::Item> GroupCommit::next_group() {
    std::vector<Item> group;
    std::unique_lock lock(mutex_);
    const auto has_work = [this] { return is_stopping_ || !queue_.empty(); };
    const bool is_log_used = journal_ != nullptr && (journal_->is_ahead() || journal_->has_kept());
    if (is_log_used && !wake_.wait_for(lock, kIdle, has_work)) {
        lock.unlock();
        bring_into_database();
        lock.lock();
    }
    wake_.wait(lock, has_work);
    while (!queue_.empty() && group.size() < kLargestGroup && (group.empty() || !queue_.front().is_clear)) {
        group.push_back(std::move(queue_.front()));
        queue_.pop_front();
        if (group.back().is_clear) break;
    }
    return group;
}

void GroupCommit::run() {
    for (auto group = next_group(); !group.empty(); group = next_group()) {
        if (group.front().is_clear) {
            clear_store(group.front());
        } else {
            run_group(group);
            if (journal_ != nullptr && journal_->must_commit_kept()) try_commit_kept();
        }
    }
    try_commit_kept();
}

void GroupCommit::clear_store(Item& item) {
    std::exception_ptr error;
    try {
        commit_kept();
        Transaction txn = begin();
        environment_.clear(txn.get());
        commit(std::move(txn), false);
    } catch (const MapFull&) {
        error = std::make_exception_ptr(Error(ErrorKind::NoSpace, "The store has no room to be emptied"));
    } catch (...) {
        error = std::current_exception();
    }
    item.done(error);
}

GroupCommit::Transaction GroupCommit::begin() {
    Transaction txn(environment_.begin_write());
    overlay_.clear(mdb_txn_id(txn.get()) - 1);
    return txn;
}

/// The transaction for the next group. What is kept but was in one that was aborted is committed first.
GroupCommit::Transaction GroupCommit::open() {
    if (txn_) return std::move(txn_);
    commit_kept();
    has_room_ = journal_ != nullptr && environment_.has_room(journal_->room_to_keep());
    return begin();
}

/// `is_logged`: the changes are in `changes_`.
void GroupCommit::commit(Transaction txn, bool is_logged) {
    if (journal_ == nullptr) {
        check(mdb_txn_commit(txn.release()), "committing");
    } else if (is_logged) {
        journal_->commit(txn.release());
    } else {
        journal_->commit_unlogged(txn.release());
    }
}

void GroupCommit::commit_kept() {
    if (journal_ == nullptr || !journal_->has_kept()) return;
    if (!txn_) {
        txn_.reset(environment_.begin_write());
        try {
            journal_->apply_kept(txn_.get());
        } catch (...) {
            txn_.reset();
            throw;
        }
    }
    commit(std::move(txn_));
}

/// The log has everything: after a failure the next group tries it again, and is refused if it fails again.
void GroupCommit::try_commit_kept() noexcept {
    try {
        commit_kept();
    } catch (...) {
        count_failure();
    }
}

void GroupCommit::bring_into_database() {
    try {
        commit_kept();
        journal_->begin_checkpoint();
    } catch (...) {
        count_failure();  // The log has everything; the next occasion comes.
    }
}

void GroupCommit::grow() {
    commit_kept();
    if (journal_ != nullptr) {
        journal_->grow();
    } else {
        environment_.grow();
    }
}

/// Those behind it are answered whatever becomes of this answer.
void GroupCommit::finish(const Item& item) noexcept {
    try {
        item.done(item.error);
    } catch (const std::exception& error) {
        log_.log(LogLevel::Error, std::string("the completion of a transaction threw: ") + error.what());
    } catch (...) {
        log_.log(LogLevel::Error, "the completion of a transaction threw");
    }
}

void GroupCommit::run_group(std::vector<Item>& group) {
    std::size_t first = 0;
    while (first < group.size()) {
        std::vector<Item> part(std::make_move_iterator(group.begin() + static_cast<std::ptrdiff_t>(first)),
                               std::make_move_iterator(group.end()));
        std::size_t count = part.size();
        std::vector<BlobId> erased;
        try {
            run_with_room(part, count, erased);
        } catch (...) {
            fail_group(part, count, std::current_exception());
            erased.clear();
        }
        if (!erased.empty()) files_.remove_later(std::move(erased));
        for (std::size_t i = 0; i < count; ++i) finish(part[i]);
        for (std::size_t i = count; i < part.size(); ++i) group[first + i] = std::move(part[i]);
        first += count;
    }
}

/// Runs the group, again with more room when there is too little.
void GroupCommit::run_with_room(std::vector<Item>& group, std::size_t& count, std::vector<BlobId>& erased) {
    for (;;) {
        erased.clear();
        count = group.size();
        try {
            if (environment_.is_nearly_full()) grow();
            if (try_group(group, count, erased)) return;
        } catch (const MapFull&) {
            journal_ != nullptr ? journal_->make_room() : environment_.grow();
        } catch (const Error& error) {
            // Pages that were given up can be used after a checkpoint, also to erase something where no page is left.
            const bool has_given_up = journal_ != nullptr && journal_->is_ahead();
            if (error.kind() != ErrorKind::NoSpace || !has_given_up) throw;
            journal_->checkpoint();
        }
    }
}

/// True: the first `count` items are committed (or failed by themselves). False: one of them spoiled the transaction and is marked;
/// the others must run again.
bool GroupCommit::try_group(std::vector<Item>& group, std::size_t& count, std::vector<BlobId>& erased) {
    Transaction txn = open();
    changes_.clear();
    const auto began = std::chrono::steady_clock::now();
    bool has_changed = false;
    for (std::size_t i = 0; i < count; ++i) {
        Item& item = group[i];
        if (item.is_finished) continue;
        Writes writes(environment_, files_, txn.get(), sequences_, changes_);
        try {
            item.function(writes);
            has_changed = has_changed || writes.has_changed();
            const auto files = writes.take_erased_files();
            erased.insert(erased.end(), files.begin(), files.end());
        } catch (const MapFull&) {
            throw;
        } catch (...) {
            item.error = std::current_exception();
            item.is_finished = true;
            if (writes.has_changed()) return false;
        }
        if (std::chrono::steady_clock::now() - began > kLongestGroup) {
            // What took long shares no commit with those behind it.
            count = i + 1;
            break;
        }
    }
    if (has_changed) {
        Writes(environment_, files_, txn.get(), sequences_, changes_).put_sequences();
        end_group(std::move(txn));
    } else if (journal_ != nullptr && journal_->has_kept()) {
        txn_ = std::move(txn);
    }
    return true;
}

/// The group's changes are durable afterwards, and seen by readers.
void GroupCommit::end_group(Transaction txn) {
    if (journal_ != nullptr) {
        journal_->log(changes_);
        if (has_room_ && journal_->may_keep(changes_.octets().size())) {
            const auto octets = changes_.take();
            journal_->keep(octets);
            overlay_.add(octets);
            txn_ = std::move(txn);
            return;
        }
    }
    commit(std::move(txn));
}

void GroupCommit::count_failure() noexcept {
    ++failures_;
    last_failure_ = std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

void GroupCommit::fail_group(std::vector<Item>& group, std::size_t count, std::exception_ptr error) {
    count_failure();
    sequences_.has_changed = true;  // What was issued in the lost group must not be issued again.
    for (std::size_t i = 0; i < count; ++i) {
        if (!group[i].is_finished) group[i].error = error;
    }
}

}  // namespace edgesync::lmdb
