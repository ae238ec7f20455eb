#include "kernel/data/transfer.h"

#include "edgesync/sdk/error.h"

namespace edgesync::data {
namespace {

/// What a crash may cost: at most so much is fetched again.
constexpr std::int64_t kSyncWindow = 16 * 1024 * 1024;

}  // namespace

Storing::Storing(Fetcher::Transfer& transfer, ByteRange range) : transfer_(transfer), range_(range) {
    const std::lock_guard lock(transfer_.mutex);
    transfer_.storing[range_.begin] = range_.end;
}

Storing::~Storing() {
    const std::lock_guard lock(transfer_.mutex);
    transfer_.storing.erase(range_.begin);
    transfer_.stored.notify_all();
}

/// With the lock held: what lies between the hashed octets and the piece is being stored.
bool Storing::is_preceded() const {
    std::int64_t at = transfer_.digest.hashed();
    while (at < range_.begin) {
        const auto next = transfer_.storing.find(at);
        if (next == transfer_.storing.end() || next->second <= at) return false;
        at = next->second;
        if (at == range_.begin) return true;
    }
    return false;
}

void Storing::wait_for_turn() {
    std::unique_lock lock(transfer_.mutex);
    transfer_.stored.wait(lock, [this] { return !is_preceded(); });
}

TransferSink::TransferSink(Fetcher::Transfer& transfer, ByteRange range, std::int64_t limit, std::function<void()> make_durable,
                           rules::Scheduler& scheduler)
    : transfer_(transfer), range_(range), limit_(limit), make_durable_(std::move(make_durable)), scheduler_(scheduler), at_(range.begin) {}

bool TransferSink::begin(bool whole, std::int64_t length, const std::string& repr_sha256) {
    const bool is_whole = whole || range_.end == 0;
    const std::lock_guard lock(transfer_.mutex);
    if (!repr_sha256.empty()) transfer_.repr_sha256 = repr_sha256;
    if (is_whole) {
        at_ = 0;
        range_ = {0, transfer_.meta.object_size > 0 ? transfer_.meta.object_size : std::max<std::int64_t>(length, 0)};
        if (transfer_.meta.object_size > 0 && length >= 0 && length != transfer_.meta.object_size) {
            problem_ = "The CSS sends " + std::to_string(length) + " bytes, announced were " + std::to_string(transfer_.meta.object_size);
            return false;
        }
    }
    expected_ = length >= 0 ? length : range_.end - range_.begin;
    if (!is_whole && expected_ != range_.end - range_.begin) {
        problem_ = "The CSS sends " + std::to_string(expected_) + " bytes for a range of " + std::to_string(range_.end - range_.begin);
        return false;
    }
    if (limit_ > 0 && at_ + expected_ > limit_) {
        problem_ = "Data is larger than MaxObjectDataSize";
        return false;
    }
    return true;
}

bool TransferSink::write(std::span<const std::byte> octets) {
    const auto count = static_cast<std::int64_t>(octets.size());
    if (at_ - range_.begin + count > expected_) {
        problem_ = "The CSS sends more than announced";
        return false;
    }
    {
        Storing storing(transfer_, {at_, at_ + count});
        transfer_.writer->write(at_, octets);
        storing.wait_for_turn();
        transfer_.digest.written(at_, octets);
    }
    bool syncs = false;
    std::int64_t whole_until = 0;
    {
        const std::lock_guard lock(transfer_.mutex);
        add_range(transfer_.written, {at_, at_ + count});
        if (!transfer_.written.empty() && transfer_.written.front().begin == 0) whole_until = transfer_.written.front().end;
        transfer_.unsynced += count;
        syncs = transfer_.unsynced >= kSyncWindow && !transfer_.is_syncing;
        if (syncs) {
            transfer_.is_syncing = true;
            transfer_.unsynced = 0;
        }
    }
    at_ += count;
    // Several chunks at once arrive in any order; without this, all that follows the first exchange would be read back at the end.
    transfer_.digest.catch_up(*transfer_.writer, whole_until);
    if (syncs) sync_in_background();
    return true;
}

void TransferSink::sync_in_background() {
    const auto sync = [&transfer = transfer_, make_durable = make_durable_] {
        try {
            make_durable();
        } catch (const std::exception&) {
            // The sync at the end of the transfer meets the same problem and reports it.
        }
        const std::lock_guard lock(transfer.mutex);
        transfer.is_syncing = false;
        transfer.synced.notify_all();
    };
    if (!scheduler_.work(sync)) sync();
}

bool TransferSink::is_complete() const { return expected_ >= 0 && problem_.empty() && at_ - range_.begin == expected_; }

}  // namespace edgesync::data
