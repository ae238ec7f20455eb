#include "kernel/data/fetcher.h"

#include <algorithm>
#include <atomic>
#include <thread>

#include "edgesync/sdk/error.h"
#include "kernel/data/ranges.h"
#include "kernel/data/transfer.h"
#include "kernel/delivery/inbound.h"

namespace edgesync::data {
namespace {

constexpr std::size_t kMaxDigests = 10000;
constexpr std::int32_t kInternalError = 1;
constexpr std::int32_t kIoError = 2;

std::string name_of(const ObjectKey& key) { return key.type + "/" + key.id; }

}  // namespace

Fetcher::Fetcher(const rules::NodeContext& context, rules::Operations& operations, rules::Scheduler& scheduler, delivery::Line& line,
                 Log& log, FetcherOptions options, SendMessage send, std::function<void()> on_unknown)
    : context_(context), operations_(operations), scheduler_(scheduler), line_(line), log_(log), options_(options), send_(std::move(send)),
      on_unknown_(std::move(on_unknown)) {}

Fetcher::~Fetcher() { stop(); }

bool Fetcher::enter() {
    const std::lock_guard lock(mutex_);
    if (is_stopped_) return false;
    ++running_;
    return true;
}

void Fetcher::leave() {
    const std::lock_guard lock(mutex_);
    --running_;
    changed_.notify_all();
}

bool Fetcher::is_stopped() {
    const std::lock_guard lock(mutex_);
    return is_stopped_;
}

void Fetcher::stop() {
    std::unique_lock lock(mutex_);
    is_stopped_ = true;
    waiting_.clear();
    changed_.notify_all();
    changed_.wait(lock, [this] { return running_ == 0; });
}

std::optional<PeerAnswer> Fetcher::call(const DataRequest& request, DataSink& sink, std::string& reason) {
    try {
        PeerAnswer answer = transport_->fetch(context_.cloud(), request, sink);
        if (answer.verdict == Verdict::UnknownPeer) on_unknown_();
        if (answer.verdict == Verdict::Busy || answer.verdict == Verdict::Unavailable || answer.verdict == Verdict::UnknownPeer) {
            reason = answer.reason;
            return std::nullopt;
        }
        return answer;
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::NotConnected && error.kind() != ErrorKind::Timeout) throw;
        reason = error.what();
        return std::nullopt;
    }
}

Fetcher::Seen Fetcher::look(ReadTransaction& txn, const ObjectKey& key) const {
    Seen seen;
    if (const auto record = txn.notification(key, context_.cloud())) seen.record.emplace(record->instance_id, record->status);
    if (const auto object = txn.object(key)) seen.object.emplace(object->meta.instance_id, object->status);
    return seen;
}

/// Older versions may be announced, and fail, while the data of this one is on its way; over a packet line nobody would announce it again.
bool Fetcher::is_void(ReadTransaction& txn, const Message& update, const Seen& seen) const {
    const Seen now = look(txn, update.key());
    const auto leaves_room = [&](const auto& found, const auto& before) {
        return found == before || !found || found->first < update.meta.instance_id;
    };
    return !leaves_room(now.record, seen.record) || !leaves_room(now.object, seen.object);
}

void Fetcher::accept(const Message& update, const std::optional<Seen>& seen, const Done& done) {
    operations_.run<HandleResult>(
        [this, update, seen](WriteTransaction& txn, rules::Effects& effects) {
            if (seen && is_void(txn, update, *seen)) return HandleResult{};
            return delivery::handle_message(context_, txn, context_.cloud(), update, effects);
        },
        [this, done](rules::Outcome<HandleResult> outcome) {
            HandleResult result;
            if (outcome.error) {
                result.verdict = Verdict::Failed;
            } else {
                result = std::move(*outcome.value);
                for (auto& reply : result.replies) {
                    // `received` has a record that is sent by itself; `updated` and the feedback about a refusal have none.
                    if (reply.command != Command::Received) send_(std::move(reply));
                }
                result.replies.clear();
            }
            done(std::move(result));
        });
}

std::optional<delivery::ReceptionFailure> Fetcher::objection(const Metadata& meta) const {
    if (options_.largest_object > 0 && meta.object_size > options_.largest_object) {
        return delivery::ReceptionFailure{kIoError,
                                          "The data of " + std::to_string(meta.object_size) +
                                              " bytes is larger than this node's MaxObjectDataSize (" +
                                              std::to_string(options_.largest_object) + ")",
                                          false};
    }
    if (meta.destination_data_uri.empty() || options_.files == nullptr) return std::nullopt;
    try {
        options_.files->check({meta.org, meta.object_type, meta.object_id}, meta.destination_data_uri);
    } catch (const files::FileError& error) {
        return delivery::ReceptionFailure{static_cast<std::int32_t>(error.problem()), error.what(), false};
    }
    return std::nullopt;
}

/// Told to the CSS like any other failure to receive, so that its status shows why; nothing is transferred.
void Fetcher::refuse(const Message& update, const delivery::ReceptionFailure& failure, const Done& done) {
    operations_.run<rules::Done>(
        [this, update, failure](WriteTransaction& txn, rules::Effects& effects) {
            if (delivery::accept_update(context_, txn, context_.cloud(), update.meta, effects).acceptance !=
                delivery::Acceptance::NeedsData)
                return rules::Done{};
            effects.fetch.clear();
            delivery::fail_reception(context_, txn, update.key(), update.meta.instance_id, failure, effects);
            return rules::Done{};
        },
        [this, update, failure, done](const rules::Outcome<rules::Done>& outcome) {
            if (!outcome.error) log_.log(LogLevel::Error, name_of(update.key()) + " is not received: " + failure.reason);
            done(outcome.error ? HandleResult{Verdict::Failed, {}, "not stored"} : HandleResult{});
        });
}

void Fetcher::announced(Message update, Done done) {
    delivery::UpdateResult judged;
    Seen seen;
    operations_.store().read([&](ReadTransaction& txn) {
        judged = delivery::judge_update(context_, txn, context_.cloud(), update.meta);
        seen = look(txn, update.key());
    });
    const Metadata& meta = update.meta;
    const bool needs_data = judged.acceptance == delivery::Acceptance::NeedsData;
    if (needs_data) {
        if (const auto failure = objection(meta)) return refuse(update, *failure, done);
    }
    const bool is_for_store = meta.destination_data_uri.empty() && context_.objects_data_path.empty();
    const bool is_small = is_for_store && meta.object_size > 0 && meta.object_size <= context_.inline_limit &&
                          (meta.chunk_size <= 0 || meta.chunk_size >= meta.object_size);
    if (needs_data && !is_small) remember_digest(update);
    if (!needs_data || !is_small) return accept(update, std::nullopt, done);
    const std::pair small_key(update.key(), meta.instance_id);
    // What brings messages must not wait for data that comes as a message.
    const bool waits_for_room = transport_->traits().send_is_answered;
    {
        std::unique_lock lock(mutex_);
        if (small_keys_.contains(small_key)) {
            lock.unlock();
            return done({});  // A poll repeats what is being dealt with.
        }
        if (waits_for_room) {
            // Back-pressure on the poll loop: small fetches are few enough to fit in memory.
            changed_.wait(lock, [this] { return small_ < kMaxSmall || is_stopped_; });
        } else if (small_ >= kMaxSmallInMessages) {
            lock.unlock();
            remember_digest(update);
            return accept(update, std::nullopt, done);
        }
        if (is_stopped_) {
            lock.unlock();
            return done({Verdict::Unavailable, {}, "The node stops"});
        }
        small_keys_.insert(small_key);
        ++small_;
        ++running_;
    }
    const Message kept = waits_for_room ? Message{} : update;
    const Done kept_done = waits_for_room ? Done{} : done;
    auto job = [this, update = std::move(update), seen, small_key, done = std::move(done)] {
        try {
            take_small(update, seen, done);
        } catch (const std::exception& error) {
            log_.log(LogLevel::Error, "Cannot receive " + name_of(update.key()) + ": " + error.what());
            accept(update, seen, done);
        }
        forget_small(small_key);
    };
    if (scheduler_.work(job)) return;
    if (waits_for_room) return job();  // The workers are busy: the poll loop helps.
    forget_small(small_key);
    accept(kept, std::nullopt, kept_done);
}

void Fetcher::forget_small(const std::pair<ObjectKey, InstanceId>& key) {
    const std::lock_guard lock(mutex_);
    small_keys_.erase(key);
    --small_;
    --running_;
    changed_.notify_all();
}

void Fetcher::remember_digest(const Message& update) {
    if (update.sha256.empty()) return;
    const std::lock_guard lock(mutex_);
    if (announced_sha256_.size() < kMaxDigests) announced_sha256_[update.key()] = {update.meta.instance_id, update.sha256};
}

void Fetcher::take_small(const Message& update, const Seen& seen, const Done& done) {
    const Metadata& meta = update.meta;
    MemorySink sink(meta.object_size);
    DataRequest request;
    request.key = update.key();
    request.instance_id = meta.instance_id;
    request.data_id = meta.data_id;
    request.total = meta.object_size;
    std::string reason;
    const auto answer = call(request, sink, reason);
    // A newer version is announced, or the deletion; if not, this one was not answered over a packet line, so that it is repeated.
    if (answer && answer->verdict == Verdict::NotFound && !transport_->traits().send_is_answered) return done({});
    const bool is_good =
        answer && answer->verdict == Verdict::Accepted && static_cast<std::int64_t>(sink.octets().size()) == meta.object_size;
    delivery::ReceivedData received;
    if (is_good) {
        received.octets = sink.octets();
        received.size = meta.object_size;
        received.sha256 = sha256_of(received.octets);
        received.blob = operations_.store().blobs().new_id();
    }
    const std::string& announced_digest = sink.repr_sha256().empty() ? update.sha256 : sink.repr_sha256();
    const bool is_signed = !meta.hash_algorithm.empty() && !meta.public_key.empty() && !meta.signature.empty();
    // Anything unusual takes the long way, which knows how to retry, to verify and to report.
    if (!is_good || is_signed || (!announced_digest.empty() && announced_digest != received.sha256)) return accept(update, seen, done);
    operations_.run<HandleResult>(
        [this, update, seen, received](WriteTransaction& txn, rules::Effects& effects) {
            if (is_void(txn, update, seen)) return HandleResult{};  // Deleted, or replaced, while the data was on its way.
            const auto result = delivery::accept_update(context_, txn, context_.cloud(), update.meta, effects);
            if (result.acceptance == delivery::Acceptance::NeedsData &&
                delivery::complete_data(context_, txn, update.key(), update.meta.instance_id, received, effects)) {
                effects.fetch.clear();
            }
            return HandleResult{};
        },
        [done](const rules::Outcome<HandleResult>& outcome) {
            done(outcome.error ? HandleResult{Verdict::Failed, {}, "not stored"} : HandleResult{});
        });
}

void Fetcher::fetch(const rules::ExchangeKey& key) {
    std::int64_t size = 0;
    operations_.store().read([&](ReadTransaction& txn) {
        if (const auto object = txn.object(key.object)) size = object->meta.object_size;
    });
    {
        const std::lock_guard lock(mutex_);
        if (is_stopped_ || transport_ == nullptr || !known_.insert(key.object).second) return;
        waiting_.emplace(size, key.object);
    }
    run_next();
}

void Fetcher::resume_all() {
    std::string cursor;
    do {
        Page<NotificationRecord> page;
        operations_.store().read([&](ReadTransaction& txn) { page = txn.transfers(cursor, 256); });
        for (const auto& record : page.items) fetch({record.object, record.peer});
        cursor = page.next;
    } while (!cursor.empty());
    // Those that were put off while the line was down are known already and only wait for their turn.
    for (int i = 0; i < kMaxTransfers; ++i) run_next();
}

void Fetcher::run_next() {
    ObjectKey key;
    {
        const std::lock_guard lock(mutex_);
        if (is_stopped_ || waiting_.empty() || transfers_ >= kMaxTransfers || !line_.is_up()) return;
        key = waiting_.begin()->second;
        waiting_.erase(waiting_.begin());
        ++transfers_;
        ++running_;
    }
    if (scheduler_.work([this, key] { run_one(key); })) return;
    const std::lock_guard lock(mutex_);
    waiting_.emplace(0, key);
    --transfers_;
    --running_;
    changed_.notify_all();
}

void Fetcher::run_one(const ObjectKey& key) {
    End end{Result::Retry, 0, "", kInternalError};
    try {
        end.result = run_transfer(key, end.instance, end.reason, end.code);
    } catch (const Error& error) {
        end.reason = error.what();
        log_.log(LogLevel::Error, "Cannot receive " + name_of(key) + ": " + end.reason);
        // Without an instance nothing is known about the object: the store could not be read.
        const bool may_pass = error.kind() == ErrorKind::NoSpace || error.kind() == ErrorKind::Busy || end.instance == 0;
        end.result = may_pass ? Result::Retry : Result::Failed;
        end.code = kIoError;
    } catch (const std::exception& error) {
        end.reason = error.what();
        end.result = end.instance == 0 ? Result::Retry : Result::Failed;
    }
    try {
        report(key, end);
        // A newer version may have been announced meanwhile; its request found the object busy.
        if (end.result != Result::Retry && is_awaited(key)) fetch({key, context_.cloud()});
    } catch (const std::exception& error) {
        log_.log(LogLevel::Error, "Cannot record the end of a transfer: " + std::string(error.what()));
    }
    {
        const std::lock_guard lock(mutex_);
        --transfers_;
    }
    run_next();
    leave();
}

bool Fetcher::is_awaited(const ObjectKey& key) {
    bool is_awaited = false;
    operations_.store().read([&](ReadTransaction& txn) {
        const auto record = txn.notification(key, context_.cloud());
        is_awaited = record && record->status == NotificationStatus::GetData;
    });
    return is_awaited;
}

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
    const auto extra = std::min<std::size_t>(static_cast<std::size_t>(std::max(options_.parallel_chunks, 1)), ranges.size());
    for (std::size_t i = 1; i < extra; ++i) helpers.emplace_back(guarded);
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

void Fetcher::report(const ObjectKey& key, const End& end) {
    std::chrono::milliseconds pause{0};
    {
        const std::lock_guard lock(mutex_);
        known_.erase(key);
        if (end.result == Result::Retry) {
            const int attempt = std::min(attempts_[key]++, 5);
            pause = std::chrono::milliseconds(options_.retry_pause) * (1 << attempt);
        } else {
            attempts_.erase(key);
            const auto digest = announced_sha256_.find(key);
            if (digest != announced_sha256_.end() && digest->second.first == end.instance) announced_sha256_.erase(digest);
        }
        if (is_stopped_) return;
    }
    switch (end.result) {
        case Result::Finished: break;
        case Result::Retry:
            log_.log(LogLevel::Info, "Transfer of " + name_of(key) + " pauses: " + end.reason);
            scheduler_.after(std::min<std::chrono::milliseconds>(pause, std::chrono::seconds(60)), [this, key] {
                scheduler_.work([this, key] {
                    if (!enter()) return;
                    try {
                        fetch({key, context_.cloud()});
                    } catch (const std::exception& error) {
                        log_.log(LogLevel::Error, "Cannot continue a transfer: " + std::string(error.what()));
                    }
                    leave();
                });
            });
            break;
        case Result::Gone:
            operations_.run_and_wait<bool>([&](WriteTransaction& txn, rules::Effects& effects) {
                return delivery::abandon_reception(context_, txn, key, end.instance, effects);
            });
            break;
        case Result::Forged:
        case Result::Failed:
            log_.log(LogLevel::Error, "Receiving " + name_of(key) + " failed: " + end.reason);
            operations_.run_and_wait<bool>([&](WriteTransaction& txn, rules::Effects& effects) {
                return delivery::fail_reception(context_, txn, key, end.instance, {end.code, end.reason, end.result == Result::Forged},
                                                effects);
            });
            break;
    }
}

}  // namespace edgesync::data
