// The receiving side of an object: announced, fetched, complete or failed.
#include <sstream>

#include "edgesync/sdk/error.h"
#include "kernel/addressing/announce.h"
#include "kernel/addressing/data_file.h"
#include "kernel/addressing/distribution.h"
#include "kernel/addressing/work_payload.h"
#include "kernel/delivery/inbound.h"
#include "kernel/hooks/hook_list.h"
#include "kernel/objects/policy_marks.h"

namespace edgesync::delivery {
namespace {

using rules::Effects;
using rules::NodeContext;

NodeKey record_peer(const NodeContext& context, const NodeKey& peer) { return context.is_css() ? peer : context.cloud(); }

bool is_complete(const ObjectRecord& object) {
    return object.status == ObjectStatus::CompletelyReceived || object.status == ObjectStatus::ObjReceived;
}

bool is_own(const ObjectRecord& object) { return object.side == Side::Sender && object.status != ObjectStatus::ConsumedByDest; }

/// Whether a metadata-only update finds its data here already, and where the new version wants it.
bool holds_data(ReadTransaction& txn, const std::optional<ObjectRecord>& old, const Metadata& meta) {
    if (!old || old->side != Side::Receiver || !is_complete(*old) || old->meta.data_id != meta.data_id) return false;
    if (old->data) return meta.destination_data_uri.empty();
    return addressing::is_in_file(txn, *old) && old->meta.destination_data_uri == meta.destination_data_uri;
}

bool needs_no_data(ReadTransaction& txn, const std::optional<ObjectRecord>& old, const Metadata& meta) {
    if (!meta.link.empty() || meta.no_data) return true;
    return meta.meta_only && (meta.data_id == 0 || holds_data(txn, old, meta));
}

UpdateResult judge(const NodeContext& context, ReadTransaction& txn, const std::optional<NotificationRecord>& known,
                   const std::optional<ObjectRecord>& old, const Metadata& meta) {
    if (known && known->instance_id > meta.instance_id) return {Acceptance::AlreadyKnown, "An older version than the one held"};
    if (known && known->instance_id == meta.instance_id && known->status != NotificationStatus::ReceiverError) {
        if (old && is_complete(*old) && old->meta.instance_id == meta.instance_id) return {Acceptance::AlreadyComplete, "Already received"};
        const bool is_transfer = known->status == NotificationStatus::GetData || known->status == NotificationStatus::HandleUpdate;
        // A sender that announces again has lost its place: let it push again, or go on fetching.
        if (is_transfer && context.is_css()) return {Acceptance::NeedsData, ""};
        return {Acceptance::AlreadyKnown, "Already announced"};
    }
    if (old && is_own(*old)) return {Acceptance::Refused, "Cannot update object from the receiver side"};
    if (!known && old && old->side == Side::Receiver && is_complete(*old) && old->meta.instance_id == meta.instance_id) {
        return {Acceptance::AlreadyComplete, "Already received"};
    }
    return {needs_no_data(txn, old, meta) ? Acceptance::Complete : Acceptance::NeedsData, ""};
}

constexpr char kFailure[] = "failure";
constexpr int kMostTellings = 5;
constexpr int kIntervalsBetweenTellings = 8;

/// Why the last reception failed, until the CSS knows.
std::vector<std::string> failure_entry(const ObjectKey& key) { return {kFailure, key.type, key.id}; }

struct Failure {
    InstanceId instance = 0;
    int tellings = 0;   ///< Over a line that does not say whether they arrive.
    TimePoint again{};  ///< The next one.
    std::string code;
    std::string reason;

    static Failure from(const std::string& entry) {
        const auto fields = addressing::split_fields(entry, 3);
        Failure failure;
        std::int64_t again = 0;
        std::istringstream(fields[0]) >> failure.instance >> failure.tellings >> again;
        failure.again = TimePoint(std::chrono::seconds(again));
        failure.code = fields[1];
        failure.reason = fields[2];
        return failure;
    }
    std::string entry() const {
        const auto due = std::chrono::duration_cast<std::chrono::seconds>(again.time_since_epoch()).count();
        const std::string times = tellings > 0 ? " " + std::to_string(tellings) + " " + std::to_string(due) : "";
        return addressing::join_fields({std::to_string(instance) + times, code, reason});
    }
};

std::optional<Failure> failure_of(ReadTransaction& txn, const ObjectKey& key, InstanceId instance) {
    const auto entry = txn.entry(EntryTable::Setting, failure_entry(key));
    if (!entry) return std::nullopt;
    auto failure = Failure::from(*entry);
    return failure.instance == instance ? std::optional(std::move(failure)) : std::nullopt;
}

void store_version(const NodeContext& context, WriteTransaction& txn, const NodeKey& peer, const std::optional<ObjectRecord>& old,
                   const Metadata& meta, bool complete, Effects& effects) {
    ObjectRecord record;
    record.side = Side::Receiver;
    record.meta = meta;
    record.status = complete ? ObjectStatus::CompletelyReceived : ObjectStatus::PartiallyReceived;
    record.remaining_consumers = meta.consumers;
    record.remaining_receivers = meta.consumers;
    if (context.is_css()) {
        record.meta.origin_type = peer.type;
        record.meta.origin_id = peer.id;
        record.meta.owner_id = peer.org + "/" + peer.id;
    }
    if (!context.is_css() && old && old->side == Side::Receiver) record.removed_services = objects::removed_by_update(*old, meta);
    const bool keeps_data = complete && holds_data(txn, old, meta);
    if (keeps_data) {
        record.data = old->data;
        record.meta.object_size = old->meta.object_size;
    }
    if (!context.is_css() && txn.entry(EntryTable::Setting, failure_entry(record.key()))) forget_failure(txn, record.key());
    if (old && old->data && !keeps_data) txn.erase_blob(*old->data);
    // Until the new version is complete the file keeps the old one, unless its data is elsewhere or nowhere.
    const bool keeps_file = old && old->meta.destination_data_uri == meta.destination_data_uri && (keeps_data || !complete);
    if (old && !keeps_file && addressing::release_file(txn, *old)) effects.has_unused_files = true;
    if (old && old->staged) txn.erase_blob(*old->staged);
    txn.put_object(record);
}

/// The object and its record, if this version is still being received.
std::optional<ObjectRecord> awaited(const NodeContext& context, WriteTransaction& txn, const ObjectKey& key, InstanceId instance) {
    auto object = txn.object(key);
    if (!object || object->side != Side::Receiver || object->status != ObjectStatus::PartiallyReceived ||
        object->meta.instance_id != instance) {
        return std::nullopt;
    }
    const auto record = txn.notification(key, addressing::origin_of(context, object->meta));
    if (!record || record->instance_id != instance) return std::nullopt;
    if (record->status != NotificationStatus::GetData && record->status != NotificationStatus::HandleUpdate) return std::nullopt;
    return object;
}

void set_status(const NodeContext& context, WriteTransaction& txn, const ObjectRecord& object, NotificationStatus status) {
    NotificationRecord record;
    record.object = object.key();
    record.peer = addressing::origin_of(context, object.meta);
    record.status = status;
    record.instance_id = object.meta.instance_id;
    record.data_id = object.meta.data_id;
    record.resend_at = context.resend_at();
    txn.put_notification(record);
}

}  // namespace

UpdateResult judge_update(const NodeContext& context, ReadTransaction& txn, const NodeKey& peer, const Metadata& announced) {
    const Metadata meta = addressing::with_data_place(context, announced);
    const ObjectKey key{meta.org, meta.object_type, meta.object_id};
    return judge(context, txn, txn.notification(key, record_peer(context, peer)), txn.object(key), meta);
}

UpdateResult accept_update(const NodeContext& context, WriteTransaction& txn, const NodeKey& peer, const Metadata& announced,
                           Effects& effects) {
    const Metadata meta = addressing::with_data_place(context, announced);
    const ObjectKey key{meta.org, meta.object_type, meta.object_id};
    const auto known = txn.notification(key, record_peer(context, peer));
    const auto old = txn.object(key);
    UpdateResult result = judge(context, txn, known, old, meta);
    const bool is_repeated = known && known->instance_id == meta.instance_id && known->status != NotificationStatus::ReceiverError;
    switch (result.acceptance) {
        case Acceptance::Complete: {
            store_version(context, txn, peer, old, meta, true, effects);
            const auto stored = txn.object(key);
            addressing::notify_origin(context, txn, *stored, NotificationStatus::Received, effects);
            if (context.hooks_on_no_data && hooks::has_hooks(txn, key.org, key.type)) effects.arrived.push_back(key);
            break;
        }
        case Acceptance::NeedsData:
            if (!is_repeated) {
                store_version(context, txn, peer, old, meta, false, effects);
                set_status(context, txn, *txn.object(key), NotificationStatus::GetData);
            }
            effects.fetch.push_back({key, record_peer(context, peer)});
            break;
        case Acceptance::AlreadyComplete: addressing::notify_origin(context, txn, *old, NotificationStatus::Received, effects); break;
        case Acceptance::AlreadyKnown:
            if (is_repeated && known->status == NotificationStatus::GetData) effects.fetch.push_back({key, record_peer(context, peer)});
            break;
        case Acceptance::Refused: break;
    }
    return result;
}

bool complete_data(const NodeContext& context, WriteTransaction& txn, const ObjectKey& key, InstanceId instance, const ReceivedData& data,
                   Effects& effects) {
    auto object = awaited(context, txn, key, instance);
    if (!object) return false;
    BlobRecord blob;
    blob.id = data.blob;
    blob.owner = key;
    blob.state = BlobState::Published;
    blob.total = data.size;
    blob.instance_id = instance;
    blob.sha256 = data.sha256;
    blob.created = context.now();
    if (data.is_staged && !data.is_in_file) txn.put_blob(blob);
    if (!data.is_staged && !data.is_in_file) txn.put_small_data(blob, std::as_bytes(std::span(data.octets)));
    const std::optional<BlobId> kept = data.is_in_file ? std::nullopt : std::optional(data.blob);
    if (object->data && object->data != kept) txn.erase_blob(*object->data);
    if (object->staged && object->staged != kept) txn.erase_blob(*object->staged);
    object->data = kept;
    object->staged.reset();
    object->meta.object_size = data.size;
    object->status = ObjectStatus::CompletelyReceived;
    txn.put_object(*object);
    addressing::notify_origin(context, txn, *object, NotificationStatus::Received, effects);
    if (hooks::has_hooks(txn, key.org, key.type)) effects.arrived.push_back(key);
    return true;
}

std::optional<Message> failure_message(const NodeContext& context, ReadTransaction& txn, const NotificationRecord& record) {
    const auto failure = failure_of(txn, record.object, record.instance_id);
    // Told too early it would meet the next attempt, which the CSS begins as soon as the node is back.
    if (!failure || (failure->tellings > 0 && failure->again > context.now())) return std::nullopt;
    Message message;
    message.command = Command::Feedback;
    message.meta.org = record.object.org;
    message.meta.object_type = record.object.type;
    message.meta.object_id = record.object.id;
    message.meta.instance_id = record.instance_id;
    message.meta.data_id = record.data_id;
    // A traditional CSS knows by these who says it.
    message.meta.destination_type = context.self.type;
    message.meta.destination_id = context.self.id;
    if (const auto object = txn.object(record.object)) {
        message.meta.origin_type = object->meta.origin_type;
        message.meta.origin_id = object->meta.origin_id;
    }
    message.feedback.code = std::stoi(failure->code);
    message.feedback.reason = failure->reason;
    return message;
}

void forget_failure(WriteTransaction& txn, const ObjectKey& key) { txn.erase_entry(EntryTable::Setting, failure_entry(key)); }

bool failure_told(const NodeContext& context, WriteTransaction& txn, const NotificationRecord& record) {
    auto failure = failure_of(txn, record.object, record.instance_id);
    if (!failure) return true;
    if (++failure->tellings >= kMostTellings) return forget_failure(txn, record.object), false;
    failure->again = context.now() + kIntervalsBetweenTellings * context.resend_interval;
    txn.put_entry(EntryTable::Setting, failure_entry(record.object), failure->entry());
    return true;
}

KeptFailures kept_failures(const NodeContext& context, ReadTransaction& txn, std::size_t limit) {
    KeptFailures found;
    std::string cursor;
    do {
        const auto page = txn.entries(EntryTable::Setting, {kFailure}, cursor, limit);
        for (const auto& entry : page.items) {
            const auto failure = Failure::from(entry.value);
            const ObjectKey key{context.self.org, entry.key[1], entry.key[2]};
            const auto record = txn.notification(key, context.cloud());
            const bool is_current =
                record && record->status == NotificationStatus::ReceiverError && record->instance_id == failure.instance;
            if (!is_current && found.outdated.size() < limit) found.outdated.push_back(key);
            const bool is_due = is_current && failure.tellings > 0 && failure.again <= context.now();
            if (is_due && found.due.size() < limit) found.due.push_back(key);
        }
        cursor = page.next;
    } while (!cursor.empty());
    return found;
}

bool fail_reception(const NodeContext& context, WriteTransaction& txn, const ObjectKey& key, InstanceId instance,
                    const ReceptionFailure& failure, Effects& effects) {
    auto object = awaited(context, txn, key, instance);
    if (!object) return false;
    if (object->staged) txn.erase_blob(*object->staged);
    object->staged.reset();
    if (failure.is_signature) object->status = ObjectStatus::ReceiverVerificationFailed;
    txn.put_object(*object);
    set_status(context, txn, *object, NotificationStatus::ReceiverError);
    if (context.is_css()) return true;  // Its answer to the push says it.
    Failure kept;
    kept.instance = instance;
    kept.code = std::to_string(failure.code);
    kept.reason = failure.reason;
    txn.put_entry(EntryTable::Setting, failure_entry(key), kept.entry());
    effects.send.push_back({key, context.cloud()});
    return true;
}

bool abandon_reception(const NodeContext& context, WriteTransaction& txn, const ObjectKey& key, InstanceId instance, Effects& effects) {
    const auto object = awaited(context, txn, key, instance);
    if (!object) return false;
    effects.has_unused_files = addressing::purge(txn, *object) || effects.has_unused_files;
    return true;
}

}  // namespace edgesync::delivery
