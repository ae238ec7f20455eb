#include "kernel/delivery/outbox.h"

#include <algorithm>

#include "edgesync/sdk/error.h"
#include "kernel/delivery/inbound.h"
#include "kernel/delivery/notification_state.h"

namespace edgesync::delivery {
namespace {

std::string name_of(const ObjectKey& key) { return key.type + "/" + key.id; }

/// Own objects whose announcement was accepted and whose data must follow; `data` says that all of it was sent.
bool awaits_push(NotificationStatus status) { return status == NotificationStatus::Updated; }

bool has_data_to_push(const ObjectRecord& object) {
    const bool has_data = object.data || !object.meta.source_data_uri.empty();
    return has_data && object.meta.link.empty() && !object.meta.no_data && !object.meta.meta_only;
}

/// What is wrong with the octets that were to be sent, not with the line.
bool is_about_source(ErrorKind kind) { return kind == ErrorKind::Corrupt || kind == ErrorKind::Io; }

/// How far the push of an own object got; kept so that a restart goes on from there.
std::vector<std::string> push_entry(const ObjectKey& key) { return {"push", key.type, key.id}; }

/// What an accepted message lets this node conclude (the protocol sends no separate acknowledgement).
std::optional<Command> implied_answer(NotificationStatus status) {
    switch (status) {
        case NotificationStatus::Update: return Command::Updated;
        case NotificationStatus::Delete: return Command::AckDelete;
        case NotificationStatus::Deleted: return Command::AckDeleted;
        case NotificationStatus::Consumed: return Command::AckConsumed;
        case NotificationStatus::Received: return Command::AckReceived;
        default: return std::nullopt;
    }
}

}  // namespace

Outbox::Outbox(const rules::NodeContext& context, rules::Operations& operations, rules::Scheduler& scheduler, Line& line, Log& log,
               std::function<void()> on_unknown)
    : context_(context), operations_(operations), scheduler_(scheduler), line_(line), log_(log), on_unknown_(std::move(on_unknown)),
      unsendable_(log, 6 * context.resend_interval) {}

void Outbox::set_registered(bool registered) {
    const std::lock_guard lock(mutex_);
    is_registered_ = registered;
}

void Outbox::send(const rules::ExchangeKey& key) {
    {
        const std::lock_guard lock(mutex_);
        if (is_stopped_ || !is_registered_ || !line_.is_up()) return;  // The scan after registration or reconnection finds it.
        const auto [at, is_new] = in_progress_.try_emplace(key, false);
        if (!is_new) {
            at->second = true;
            return;
        }
        if (in_progress_.size() > kMaxQueued) {
            in_progress_.erase(at);
            must_scan_ = true;
            return;
        }
        ++running_;
    }
    start_worker(key);
}

void Outbox::start_worker(const rules::ExchangeKey& key) {
    if (scheduler_.work([this, key] { run(key); })) return;
    const std::lock_guard lock(mutex_);
    in_progress_.erase(key);
    --running_;
    idle_.notify_all();
    scan_later();
}

/// With the lock held: the workers have no place just now.
void Outbox::scan_later() {
    if (is_stopped_ || scan_timer_ != 0) return;
    scan_timer_ = scheduler_.after(kScanPause, [this] {
        {
            const std::lock_guard lock(mutex_);
            scan_timer_ = 0;
            if (is_stopped_) return;
            ++running_;
        }
        if (scheduler_.work([this] { finish_run(true); })) return;
        const std::lock_guard lock(mutex_);
        --running_;
        idle_.notify_all();
        scan_later();
    });
}

/// Ends a run; first, it looks for what found no place in the queue.
void Outbox::finish_run(bool scans) {
    for (;;) {
        if (scans) scan();
        const std::lock_guard lock(mutex_);
        scans = must_scan_ && !is_scanning_ && in_progress_.size() < kMaxQueued / 2 && !is_stopped_;
        if (!scans) {
            --running_;
            idle_.notify_all();
            return;
        }
        must_scan_ = false;
    }
}

void Outbox::run(const rules::ExchangeKey& key) {
    bool again = true;
    while (again) {
        bool may_go_on = false;
        try {
            may_go_on = run_once(key);
        } catch (const std::exception& error) {
            log_.log(LogLevel::Error, "Cannot send " + name_of(key.object) + ": " + error.what());
        }
        const std::lock_guard lock(mutex_);
        const auto at = in_progress_.find(key);
        // The line may be back before the failure has got this far; who asked since then counts on being heard.
        const bool is_usable = is_registered_ && line_.is_up();
        again = at->second && (may_go_on || is_usable) && !is_stopped_;
        at->second = false;
        if (!again) in_progress_.erase(at);
    }
    finish_run(false);
}

std::optional<PeerAnswer> Outbox::call(const std::function<PeerAnswer()>& f) {
    {
        const std::lock_guard lock(mutex_);
        if (is_stopped_ || !is_registered_ || !line_.is_up()) return std::nullopt;
    }
    try {
        PeerAnswer answer = f();
        if (answer.verdict == Verdict::Busy || answer.verdict == Verdict::Unavailable) {
            line_.failed();
            return std::nullopt;
        }
        line_.succeeded();
        if (answer.verdict == Verdict::UnknownPeer) {
            on_unknown_();
            return std::nullopt;
        }
        return answer;
    } catch (const std::exception& error) {
        const auto* failure = dynamic_cast<const Error*>(&error);
        if (failure != nullptr && is_about_source(failure->kind())) throw;
        // One message that the line can never take must not stop the others.
        if (failure != nullptr && failure->kind() == ErrorKind::InvalidRequest) return PeerAnswer{Verdict::Failed, error.what(), {}};
        if (line_.is_up()) log_.log(LogLevel::Warning, std::string("The CSS cannot be reached: ") + error.what());
        line_.failed();
        return std::nullopt;
    }
}

void Outbox::apply(Command command, const NotificationRecord& record) {
    Message message;
    message.command = command;
    message.meta.org = record.object.org;
    message.meta.object_type = record.object.type;
    message.meta.object_id = record.object.id;
    message.meta.instance_id = record.instance_id;
    message.meta.data_id = record.data_id;
    operations_.run_and_wait<rules::Done>([&](WriteTransaction& txn, rules::Effects& effects) {
        handle_message(context_, txn, context_.cloud(), message, effects);
        return rules::Done{};
    });
}

bool Outbox::run_once(const rules::ExchangeKey& key) {
    std::optional<NotificationRecord> record;
    std::optional<Message> message;
    operations_.store().read([&](ReadTransaction& txn) {
        record = txn.notification(key.object, key.peer);
        if (record) message = message_of(context_, txn, *record);
    });
    if (!record || !(awaits_push(record->status) || record->status == NotificationStatus::Update)) unsendable_.settled(key.object);
    if (!record) return true;
    if (awaits_push(record->status) && record->peer == context_.self) {
        push_data(*record);
        return true;
    }
    if (!message || !is_to_be_sent(record->status)) return true;
    return send_record(*record, *message);
}

bool Outbox::send_failure(const NotificationRecord& record, const Message& feedback) {
    if (!call([&] { return transport_->send(context_.cloud(), feedback); })) return false;
    const bool is_answered = transport_->traits().send_is_answered;
    const bool is_kept = operations_.run_and_wait<bool>([&](WriteTransaction& txn, rules::Effects&) {
        const auto current = txn.notification(record.object, record.peer);
        if (!current || current->sequence != record.sequence) return true;
        if (!is_answered) return failure_told(context_, txn, record);
        forget_failure(txn, record.object);
        return true;
    });
    if (!is_kept) {
        log_.log(LogLevel::Warning,
                 "The CSS has not announced " + name_of(record.object) + " again, whose reception failed; it is not told any more");
    }
    return true;
}

void Outbox::repeat_failures() {
    try {
        KeptFailures kept;
        operations_.store().read([&](ReadTransaction& txn) { kept = kept_failures(context_, txn, kMaxFailures); });
        for (const auto& key : kept.due) send({key, context_.cloud()});
        if (kept.outdated.empty()) return;
        operations_.run_and_wait<rules::Done>([&](WriteTransaction& txn, rules::Effects&) {
            for (const auto& key : kept.outdated) forget_failure(txn, key);
            return rules::Done{};
        });
    } catch (const std::exception& error) {
        log_.log(LogLevel::Error, std::string("Cannot look for receptions that failed: ") + error.what());
    }
}

bool Outbox::send_record(const NotificationRecord& record, const Message& message) {
    if (record.status == NotificationStatus::ReceiverError) return send_failure(record, message);
    const auto answer = call([&] { return transport_->send(context_.cloud(), message); });
    if (!answer) return false;
    const auto implied = implied_answer(record.status);
    const bool ends_when_ignored = record.status == NotificationStatus::Deleted || record.status == NotificationStatus::Consumed ||
                                   record.status == NotificationStatus::Received;
    const bool is_answered = answer->verdict == Verdict::Accepted || (answer->verdict == Verdict::Ignored && ends_when_ignored);
    if (!is_answered) {
        if (answer->verdict != Verdict::Ignored) {
            log_.log(LogLevel::Error, "The CSS refused the " + std::string(to_string(record.status)) + " of " + name_of(record.object) +
                                          ": " + answer->reason + "; it will be repeated");
        }
        return true;
    }
    if (!transport_->traits().send_is_answered || !implied) return true;
    apply(*implied, record);
    if (record.status == NotificationStatus::Update) {
        forget_offset(record.object);  // The CSS awaits this version from its beginning.
        push_data(record);
    }
    return true;
}

std::int64_t Outbox::pushed_offset(const ObjectRecord& object) {
    std::optional<std::string> entry;
    operations_.store().read([&](ReadTransaction& txn) { entry = txn.entry(EntryTable::Setting, push_entry(object.key())); });
    const std::string prefix = std::to_string(object.meta.instance_id) + ":";
    if (!entry || !entry->starts_with(prefix)) return 0;
    return std::stoll(entry->substr(prefix.size()));
}

void Outbox::forget_offset(const ObjectKey& key) {
    std::optional<std::string> entry;
    operations_.store().read([&](ReadTransaction& txn) { entry = txn.entry(EntryTable::Setting, push_entry(key)); });
    if (!entry) return;
    operations_.run_and_wait<rules::Done>([&](WriteTransaction& txn, rules::Effects&) {
        txn.erase_entry(EntryTable::Setting, push_entry(key));
        return rules::Done{};
    });
}

void Outbox::remember_offset(const ObjectRecord& object, std::int64_t offset) {
    operations_.run_and_wait<rules::Done>([&](WriteTransaction& txn, rules::Effects&) {
        if (offset == 0) {
            txn.erase_entry(EntryTable::Setting, push_entry(object.key()));
        } else {
            txn.put_entry(EntryTable::Setting, push_entry(object.key()),
                          std::to_string(object.meta.instance_id) + ":" + std::to_string(offset));
        }
        return rules::Done{};
    });
}

Outbox::Pushed Outbox::push_chunks(const ObjectRecord& object, PushSource& source) {
    const std::int64_t total = source.reader->size();
    const bool is_chunked = context_.chunks_data && object.meta.chunk_size > 0 && total > object.meta.chunk_size;
    const std::int64_t chunk = is_chunked ? object.meta.chunk_size : total;
    std::int64_t offset = is_chunked ? pushed_offset(object) : 0;
    do {
        DataRequest request;
        request.key = object.key();
        request.instance_id = object.meta.instance_id;
        request.data_id = object.meta.data_id;
        request.offset = offset;
        request.length = is_chunked ? std::min(chunk, total - offset) : 0;
        request.total = total;
        const auto answer = call([&] { return transport_->push(context_.cloud(), request, *source.reader, source.sha256); });
        if (!answer) return Pushed::Later;
        if (answer->verdict != Verdict::Accepted) {
            // Ignored: the CSS has it already, or it did not like its digest; when it is announced again, it says which.
            const LogLevel level = answer->verdict == Verdict::Ignored ? LogLevel::Info : LogLevel::Error;
            log_.log(level, "The CSS refused data of " + name_of(object.key()) + ": " + answer->reason + "; it will be announced again");
            return Pushed::Refused;
        }
        offset += is_chunked ? request.length : total;
        if (is_chunked) remember_offset(object, offset < total ? offset : 0);
    } while (offset < total);
    return Pushed::Completely;
}

/// Not before the usual time for repeating: what refuses once may refuse again. The push then begins at the beginning.
void Outbox::announce_again(const NotificationRecord& record) {
    operations_.run_and_wait<rules::Done>([&](WriteTransaction& txn, rules::Effects&) {
        auto current = txn.notification(record.object, record.peer);
        const bool is_under_way =
            current && (current->status == NotificationStatus::Updated || current->status == NotificationStatus::Data);
        if (!is_under_way || current->instance_id != record.instance_id) return rules::Done{};
        current->status = NotificationStatus::Update;
        current->resend_at = context_.resend_at();
        txn.put_notification(*current);
        return rules::Done{};
    });
}

void Outbox::unreadable(const ObjectRecord& object, const Error& error) {
    unsendable_.failed(object, error, context_.now());
    NotificationRecord record;
    record.object = object.key();
    record.peer = context_.self;
    record.instance_id = object.meta.instance_id;
    announce_again(record);
}

/// Few at once, so that small messages find a free worker; the others come when one of them ends.
bool Outbox::take_push_slot(const rules::ExchangeKey& key, std::int64_t size) {
    const std::lock_guard lock(mutex_);
    if (size > context_.inline_limit && pushes_ >= kMaxPushes) {
        if (waiting_pushes_.size() < kMaxQueued) {
            waiting_pushes_.insert(key);
        } else {
            must_scan_ = true;
        }
        return false;
    }
    ++pushes_;
    return true;
}

void Outbox::push_data(const NotificationRecord& record) {
    if (!transport_->traits().pushes_data) return;
    std::optional<ObjectRecord> object;
    PushSource source;
    operations_.store().read([&](ReadTransaction& txn) {
        object = txn.object(record.object);
        if (!object || object->side != Side::Sender || object->meta.instance_id != record.instance_id || !has_data_to_push(*object)) {
            object.reset();
            return;
        }
        if (!object->data) return;
        source.reader = txn.open_blob(*object->data);
        if (const auto blob = txn.blob(*object->data)) source.sha256 = blob->sha256;
    });
    if (!object) unsendable_.settled(record.object);
    if (!object || (!source.reader && (object->data || !open_source_))) return;
    if (!take_push_slot({record.object, record.peer}, source.reader ? source.reader->size() : object->meta.object_size)) return;
    try {
        push_from(record, *object, std::move(source));
    } catch (...) {
        end_push();
        throw;
    }
    end_push();
}

void Outbox::push_from(const NotificationRecord& record, const ObjectRecord& object, PushSource source) {
    Pushed pushed = Pushed::Later;
    try {
        if (!source.reader) source = open_source_(object);
        pushed = push_chunks(object, source);
        unsendable_.settled(record.object);
    } catch (const Error& error) {
        unsendable_.failed(object, error, context_.now());
        pushed = Pushed::Refused;
    }
    if (pushed == Pushed::Completely) apply(Command::GetData, record);
    if (pushed == Pushed::Refused) announce_again(record);
}

void Outbox::end_push() {
    std::optional<rules::ExchangeKey> next;
    {
        const std::lock_guard lock(mutex_);
        --pushes_;
        if (waiting_pushes_.empty()) return;
        next = *waiting_pushes_.begin();
        waiting_pushes_.erase(waiting_pushes_.begin());
    }
    send(*next);
}

void Outbox::send_message(Message message) {
    {
        const std::lock_guard lock(mutex_);
        if (is_stopped_ || !is_registered_ || !line_.is_up()) return;
        ++running_;
    }
    const bool is_queued = scheduler_.work([this, message = std::move(message)] {
        try {
            call([&] { return transport_->send(context_.cloud(), message); });
        } catch (const std::exception& error) {
            log_.log(LogLevel::Error, std::string("Cannot send ") + to_string(message.command) + ": " + error.what());
        }
        finish_run(false);
    });
    if (is_queued) return;
    const std::lock_guard lock(mutex_);
    --running_;
    idle_.notify_all();
}

void Outbox::scan() {
    {
        const std::lock_guard lock(mutex_);
        if (is_stopped_ || is_scanning_) {
            must_scan_ = must_scan_ || is_scanning_;
            return;
        }
        is_scanning_ = true;
    }
    try {
        scan_records();
    } catch (const std::exception& error) {
        log_.log(LogLevel::Error, std::string("Cannot look for what is to be sent: ") + error.what());
    }
    const std::lock_guard lock(mutex_);
    is_scanning_ = false;
    if (must_scan_ && running_ == 0) scan_later();
}

/// Not for data that there is none of: such records stay as they are until the CSS has the object, and would take the places of the others.
bool Outbox::is_to_be_pushed(ReadTransaction& txn, const NotificationRecord& record) const {
    if (record.peer != context_.self || !awaits_push(record.status) || !transport_->traits().pushes_data) return false;
    const auto object = txn.object(record.object);
    return object && has_data_to_push(*object);
}

void Outbox::scan_records() {
    for (const NodeKey& peer : {context_.self, context_.cloud()}) {
        std::string cursor;
        do {
            std::vector<rules::ExchangeKey> due;
            std::string next;
            operations_.store().read([&](ReadTransaction& txn) {
                due.clear();
                auto page = txn.notifications_of_peer(peer, cursor, 256);
                for (const auto& record : page.items) {
                    if (is_to_be_sent(record.status) || is_to_be_pushed(txn, record)) due.push_back({record.object, record.peer});
                }
                next = std::move(page.next);
            });
            for (const auto& key : due) send(key);
            cursor = std::move(next);
        } while (!cursor.empty());
    }
}

void Outbox::stop() {
    std::unique_lock lock(mutex_);
    is_stopped_ = true;
    scheduler_.cancel(scan_timer_);
    idle_.wait(lock, [this] { return running_ == 0; });
}

}  // namespace edgesync::delivery
