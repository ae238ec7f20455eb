// How one object's data come in: the ranges that are missing, their octets into the blob, its check and publication.
#include <algorithm>
#include <atomic>
#include <system_error>
#include <thread>

#include "edgesync/sdk/error.h"
#include "kernel/data/fetcher.h"
#include "kernel/data/ranges.h"
#include "kernel/data/transfer.h"
#include "kernel/delivery/inbound.h"

namespace edgesync::data {

Fetcher::Result Fetcher::run_transfer(const ObjectKey& key, InstanceId& instance, std::string& reason, std::int32_t& code) {
    Transfer transfer;
    transfer.key = key;
    const bool is_prepared = prepare(transfer);
    instance = transfer.meta.instance_id;
    if (!is_prepared) return Result::Finished;
    const Result result = pull(transfer, reason, code);
    if (result != Result::Finished) return result;
    return publish(transfer, reason, code);
}

bool Fetcher::prepare(Transfer& transfer) {
    Store& store = operations_.store();
    bool is_awaited = false;
    store.read([&](ReadTransaction& txn) {
        const auto object = txn.object(transfer.key);
        if (!object || object->side != Side::Receiver || object->status != ObjectStatus::PartiallyReceived) return;
        const auto record = txn.notification(transfer.key, context_.cloud());
        if (!record || record->status == NotificationStatus::ReceiverError) return;
        is_awaited = true;
        transfer.meta = object->meta;
        if (!object->staged) return;
        if (const auto blob = txn.blob(*object->staged); blob && blob->instance_id == object->meta.instance_id) {
            transfer.blob = blob->id;
            transfer.durable = blob->received;
            transfer.has_record = true;
        }
    });
    if (!is_awaited) return false;
    if (transfer.has_record) transfer.writer = store.blobs().reopen(transfer.blob);
    if (transfer.writer) {
        transfer.written = transfer.durable;
        log_.log(LogLevel::Info, "Resuming " + name_of(transfer.key) + " with " + std::to_string(size_of(transfer.durable)) + " of " +
                                     std::to_string(transfer.meta.object_size) + " bytes already here");
        return true;
    }
    transfer.durable.clear();
    transfer.blob = store.blobs().new_id();
    transfer.writer = store.blobs().create_sized(transfer.blob, transfer.meta.object_size);
    const bool is_stored = operations_.run_and_wait<bool>([&](WriteTransaction& txn, rules::Effects&) {
        auto object = txn.object(transfer.key);
        if (!object || object->meta.instance_id != transfer.meta.instance_id || object->status != ObjectStatus::PartiallyReceived)
            return false;
        if (object->staged) txn.erase_blob(*object->staged);
        BlobRecord record;
        record.id = transfer.blob;
        record.owner = transfer.key;
        record.total = transfer.meta.object_size;
        record.instance_id = transfer.meta.instance_id;
        record.created = context_.now();
        txn.put_blob(record);
        object->staged = transfer.blob;
        txn.put_object(*object);
        return true;
    });
    if (!is_stored) {
        transfer.writer.reset();
        store.blobs().discard(transfer.blob);
    }
    return is_stored;
}

Fetcher::Result Fetcher::pull(Transfer& transfer, std::string& reason, std::int32_t& code) {
    const Metadata& meta = transfer.meta;
    const bool is_chunked = context_.chunks_data && meta.chunk_size > 0 && meta.object_size > meta.chunk_size;
    Result result = Result::Finished;
    if (!is_chunked) {
        if (meta.object_size <= 0 || !covers(transfer.written, meta.object_size)) result = pull_one(transfer, {0, 0}, reason);
    } else {
        std::vector<ByteRange> ranges;
        for (const auto& gap : missing(transfer.written, meta.object_size)) {
            for (std::int64_t at = gap.begin; at < gap.end;) {
                const std::int64_t boundary = (at / meta.chunk_size + 1) * meta.chunk_size;
                ranges.push_back({at, std::min(boundary, gap.end)});
                at = ranges.back().end;
            }
        }
        result = pull_ranges(transfer, ranges, reason);
    }
    transfer.wait_for_sync();
    make_durable(transfer);  // Also after a failure: what arrived need not be fetched again.
    code = kInternalError;
    return result;
}

Fetcher::Result Fetcher::pull_ranges(Transfer& transfer, const std::vector<ByteRange>& ranges, std::string& reason) {
    std::atomic<std::size_t> next{0};
    std::atomic<int> worst{static_cast<int>(Result::Finished)};
    std::mutex reason_mutex;
    const auto loop = [&] {
        while (worst.load() == static_cast<int>(Result::Finished)) {
            const std::size_t index = next.fetch_add(1);
            if (index >= ranges.size()) return;
            std::string problem;
            const Result result = is_stopped() ? Result::Retry : pull_one(transfer, ranges[index], problem);
            if (result == Result::Finished) continue;
            const std::lock_guard lock(reason_mutex);
            reason = problem;
            worst.store(static_cast<int>(result));
        }
    };
    const auto guarded = [&] {
        try {
            loop();
        } catch (const std::exception& error) {
            const std::lock_guard lock(reason_mutex);
            reason = error.what();
            worst.store(static_cast<int>(Result::Retry));
        }
    };
    std::vector<std::thread> helpers;
    // Where chunks are messages, the line itself counts what is under way, and one more thread stores a chunk meanwhile.
    const int under_way = std::max(options_.parallel_chunks, 1);
    const auto threads = static_cast<std::size_t>(transport_->traits().send_is_answered ? under_way : under_way + 1);
    try {
        for (std::size_t i = 1; i < std::min(threads, ranges.size()); ++i) helpers.emplace_back(guarded);
    } catch (const std::system_error&) {
        // The system has no more threads; those that there are do it.
    }
    guarded();
    for (auto& helper : helpers) helper.join();
    return static_cast<Result>(worst.load());
}

Fetcher::Result Fetcher::pull_one(Transfer& transfer, ByteRange range, std::string& reason) {
    const Metadata& meta = transfer.meta;
    DataRequest request;
    request.key = transfer.key;
    request.instance_id = meta.instance_id;
    request.data_id = meta.data_id;
    request.offset = range.begin;
    request.length = range.end - range.begin;
    request.total = meta.object_size;
    TransferSink sink(
        transfer, range, options_.largest_object, [this, &transfer] { make_durable(transfer); }, scheduler_);
    const auto answer = call(request, sink, reason);
    if (!answer) return Result::Retry;
    switch (answer->verdict) {
        case Verdict::Accepted: break;
        case Verdict::NotFound: return Result::Gone;
        case Verdict::Ignored: reason = "superseded"; return Result::Retry;
        default: reason = answer->reason; return Result::Failed;
    }
    if (!sink.is_complete()) {
        reason = sink.problem();
        return sink.is_broken_line() ? Result::Retry : Result::Failed;
    }
    return Result::Finished;
}

void Fetcher::make_durable(Transfer& transfer) {
    std::vector<ByteRange> written;
    {
        const std::lock_guard lock(transfer.mutex);
        if (transfer.written == transfer.durable) return;
        written = transfer.written;
    }
    transfer.writer->sync();
    const bool is_recorded = operations_.run_and_wait<bool>([&](WriteTransaction& txn, rules::Effects&) {
        auto record = txn.blob(transfer.blob);
        if (!record || record->state != BlobState::Staged) return false;
        record->received = written;
        if (record->total <= 0) record->total = transfer.total();
        txn.put_blob(*record);
        return true;
    });
    const std::lock_guard lock(transfer.mutex);
    if (is_recorded) transfer.durable = written;
}

Fetcher::Result Fetcher::publish(Transfer& transfer, std::string& reason, std::int32_t& code) {
    const std::int64_t total = transfer.total();
    if (transfer.meta.object_size > 0 && total != transfer.meta.object_size) {
        reason = "Received " + std::to_string(total) + " bytes instead of " + std::to_string(transfer.meta.object_size);
        return Result::Failed;
    }
    delivery::ReceivedData received;
    received.blob = transfer.blob;
    received.is_staged = true;
    received.size = total;
    received.sha256 = transfer.digest.finish(*transfer.writer, total);
    if (transfer.repr_sha256.empty()) {
        const std::lock_guard lock(mutex_);
        const auto announced = announced_sha256_.find(transfer.key);
        if (announced != announced_sha256_.end() && announced->second.first == transfer.meta.instance_id)
            transfer.repr_sha256 = announced->second.second;
    }
    if (!transfer.repr_sha256.empty() && transfer.repr_sha256 != received.sha256) {
        reason = "The data has SHA-256 " + to_hex(received.sha256) + " but " + to_hex(transfer.repr_sha256) + " was announced";
        code = kIoError;
        return Result::Failed;
    }
    if (options_.verify) reason = options_.verify(transfer.meta, *transfer.writer);
    if (!reason.empty()) return Result::Forged;
    ReceivedFiles::Placed placed;
    if (options_.files != nullptr) {
        try {
            placed = options_.files->place(
                transfer.key, transfer.meta.instance_id, total,
                [&transfer](std::int64_t offset, std::span<std::byte> out) { return transfer.writer->read(offset, out); });
        } catch (const files::FileError& error) {
            if (error.kind() == ErrorKind::NoSpace) throw;
            reason = error.what();
            code = static_cast<std::int32_t>(error.problem());
            return Result::Failed;
        }
    }
    received.is_in_file = placed.is_in_file;
    operations_.run_and_wait<bool>([&](WriteTransaction& txn, rules::Effects& effects) {
        return delivery::complete_data(context_, txn, transfer.key, transfer.meta.instance_id, received, effects);
    });
    return Result::Finished;
}

}  // namespace edgesync::data
