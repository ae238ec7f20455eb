#include "group_commit.h"

#include <chrono>

#include "edgesync/sdk/error.h"
#include "key.h"

namespace edgesync::lmdb {
namespace {

/// Aborts unless released.
class Transaction {
public:
    explicit Transaction(MDB_txn* txn) : txn_(txn) {}
    ~Transaction() {
        if (txn_ != nullptr) mdb_txn_abort(txn_);
    }
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;
    MDB_txn* get() const { return txn_; }
    void commit() {
        MDB_txn* txn = txn_;
        txn_ = nullptr;  // LMDB frees it whatever the result.
        check(mdb_txn_commit(txn), "committing");
    }

private:
    MDB_txn* txn_;
};

}  // namespace

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
    {
        const std::lock_guard lock(mutex_);
        if (is_stopping_) throw Error(ErrorKind::NotConnected, "The store is closing");
        if (queue_.size() >= kLongestQueue)
            throw Error(ErrorKind::Busy, "The store has " + std::to_string(kLongestQueue) + " changes waiting");
        queue_.push_back({std::move(function), std::move(done), nullptr, false});
    }
    wake_.notify_one();
}

void GroupCommit::run() {
    for (;;) {
        std::vector<Item> group;
        {
            std::unique_lock lock(mutex_);
            wake_.wait(lock, [this] { return is_stopping_ || !queue_.empty(); });
            if (queue_.empty()) return;
            while (!queue_.empty() && group.size() < kLargestGroup) {
                group.push_back(std::move(queue_.front()));
                queue_.pop_front();
            }
        }
        run_group(group);
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
            environment_.grow_if_nearly_full();
            while (!try_group(part, count, erased)) erased.clear();
        } catch (const MapFull&) {
            try {
                environment_.grow();
                for (std::size_t i = 0; i < part.size(); ++i) group[first + i] = std::move(part[i]);
                continue;
            } catch (...) {
                fail_group(part, count, std::current_exception());
                erased.clear();
            }
        } catch (...) {
            fail_group(part, count, std::current_exception());
            erased.clear();
        }
        if (!erased.empty()) files_.remove_later(std::move(erased));
        for (std::size_t i = 0; i < count; ++i) part[i].done(part[i].error);
        for (std::size_t i = count; i < part.size(); ++i) group[first + i] = std::move(part[i]);
        first += count;
    }
}

/// True: the first `count` items are committed (or failed by themselves). False: one of them spoiled the transaction and is marked;
/// the others must run again.
bool GroupCommit::try_group(std::vector<Item>& group, std::size_t& count, std::vector<BlobId>& erased) {
    Transaction txn(environment_.begin_write());
    const auto began = std::chrono::steady_clock::now();
    bool has_changed = false;
    for (std::size_t i = 0; i < count; ++i) {
        Item& item = group[i];
        if (item.is_finished) continue;
        Writes writes(environment_, files_, txn.get(), sequences_);
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
    if (!has_changed) return true;
    Writes(environment_, files_, txn.get(), sequences_).put_sequences();
    txn.commit();
    return true;
}

void GroupCommit::fail_group(std::vector<Item>& group, std::size_t count, std::exception_ptr error) {
    ++failures_;
    last_failure_ = std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
    sequences_.has_changed = true;  // What was issued in the lost group must not be issued again.
    for (std::size_t i = 0; i < count; ++i) {
        if (!group[i].is_finished) group[i].error = error;
    }
}

}  // namespace edgesync::lmdb
