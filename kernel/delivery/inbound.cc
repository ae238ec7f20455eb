#include "kernel/delivery/inbound.h"

#include "edgesync/sdk/error.h"
#include "kernel/addressing/announce.h"
#include "kernel/addressing/data_file.h"
#include "kernel/addressing/distribution.h"
#include "kernel/delivery/chunk_requests.h"
#include "kernel/delivery/notification_state.h"
#include "kernel/delivery/registration.h"
#include "kernel/objects/lifecycle.h"
#include "kernel/objects/names.h"
#include "kernel/objects/time_text.h"

namespace edgesync::delivery {
namespace {

using rules::Effects;
using rules::NodeContext;

constexpr std::int32_t kInternalError = 1;
constexpr std::int32_t kUnknownObject = 5;
constexpr auto kAutodeleteDelay = std::chrono::hours(1);

/// What the origin of an object says to a destination.
bool is_said_by_origin(Command command) {
    return command == Command::AckReceived || command == Command::AckConsumed || command == Command::AckDeleted;
}

/// An answer about the same object and version as `meta`.
Message about(const NodeContext& context, Command command, const Metadata& meta) {
    Message message;
    message.command = command;
    message.meta.org = meta.org;
    message.meta.object_type = meta.object_type;
    message.meta.object_id = meta.object_id;
    message.meta.instance_id = meta.instance_id;
    message.meta.data_id = meta.data_id;
    // An ESS is the one destination that it speaks for, whatever a CSS that confuses its nodes wrote into the update.
    message.meta.destination_type = context.is_css() ? meta.destination_type : context.self.type;
    message.meta.destination_id = context.is_css() ? meta.destination_id : context.self.id;
    const bool is_own = is_said_by_origin(command) || meta.origin_id.empty();
    message.meta.origin_type = is_own ? context.self.type : meta.origin_type;
    message.meta.origin_id = is_own ? context.self.id : meta.origin_id;
    return message;
}

bool is_delete(NotificationStatus status) { return status == NotificationStatus::Delete || status == NotificationStatus::DeletePending; }

HandleResult unexpected(const Message& message) {
    return {Verdict::Invalid, {}, std::string("Unexpected message ") + to_string(message.command)};
}

HandleResult ignored(const std::string& reason) { return {Verdict::Ignored, {}, reason}; }

/// The destination at the other end of a record about an own object: on an ESS its only one, itself.
NodeKey destination_of(const NodeContext& context, const NodeKey& peer) { return context.is_css() ? peer : context.self; }

NodeKey origin_peer(const NodeContext& context, const NodeKey& peer) { return context.is_css() ? peer : context.cloud(); }

/// All destinations but none consumed it: an `autodelete` object without expiration lives one more hour.
void schedule_autodelete(const NodeContext& context, WriteTransaction& txn, ObjectRecord& object) {
    if (!object.meta.autodelete || object.expires) return;
    const DeliveryCounts counts = txn.delivery_counts(object.key());
    for (std::size_t status = 0; status < counts.size(); ++status) {
        if (counts[status] > 0 && status != static_cast<std::size_t>(DeliveryStatus::Consumed)) return;
    }
    // Whoever reads the metadata sees when, and what is seen is what holds.
    object.expires = std::chrono::floor<std::chrono::seconds>(context.now() + kAutodeleteDelay);
    object.meta.expiration = objects::to_rfc3339(*object.expires);
    txn.put_object(object);
}

/// ESS: the CSS consumed an own object; its metadata stays for reporting (object model 9.3).
void keep_as_consumed(const NodeContext& context, WriteTransaction& txn, ObjectRecord& object) {
    if (object.data) txn.erase_blob(*object.data);
    object.data.reset();
    object.status = ObjectStatus::ConsumedByDest;
    object.consumed_at = context.now();
    txn.put_object(object);
    txn.erase_notifications_of_object(object.key());
    objects::trim_consumed(context, txn);
}

void set_delivery(const NodeContext& context, WriteTransaction& txn, const NotificationRecord& record, DeliveryStatus status,
                  const std::string& message) {
    if (!context.is_css() || !txn.delivery(record.object, record.peer)) return;
    txn.put_delivery({record.object, record.peer, status, message});
}

/// Applies a row of the table to the record and to what hangs on it.
void apply(const NodeContext& context, WriteTransaction& txn, NotificationRecord record, const Transition& row) {
    if (row.to) {
        record.status = *row.to;
        record.resend_at = context.resend_at();
        txn.put_notification(record);
    } else {
        txn.erase_notification(record.object, record.peer);
    }
    if (row.delivery) set_delivery(context, txn, record, *row.delivery, "");
}

/// The acknowledgement that stops the peer from repeating, sent whether the message changed anything or not.
std::vector<Message> acknowledgement(const NodeContext& context, const Message& message) {
    switch (message.command) {
        case Command::Received: return {about(context, Command::AckReceived, message.meta)};
        case Command::Consumed: return {about(context, Command::AckConsumed, message.meta)};
        case Command::Deleted: return {about(context, Command::AckDeleted, message.meta)};
        default: return {};
    }
}

/// A report of a destination about an own object.
HandleResult handle_report(const NodeContext& context, WriteTransaction& txn, const NodeKey& peer, const Message& message) {
    const ObjectKey key = message.key();
    HandleResult result;
    result.replies = acknowledgement(context, message);
    const auto record = txn.notification(key, destination_of(context, peer));
    auto object = txn.object(key);
    result.verdict = Verdict::Ignored;
    if (!record) return result.reason = "No exchange about this object", result;
    if (record->instance_id != message.meta.instance_id) return result.reason = "Another version is current", result;
    if (record->status == NotificationStatus::Error && message.command == Command::Received) result.replies.clear();
    const Transition* row = find_transition(record->status, message.command);
    if (row == nullptr) {
        return result.reason = "The exchange is in state " + std::string(to_string(record->status)), result;
    }
    if (is_bound_to_version(record->status) && (!object || object->meta.instance_id != record->instance_id)) {
        return result.reason = "A newer version is current", result;
    }
    result.verdict = Verdict::Accepted;
    if (!context.is_css() && message.command == Command::Consumed && object) {
        keep_as_consumed(context, txn, *object);
        return result;
    }
    apply(context, txn, *record, *row);
    if (message.command == Command::Consumed && object) schedule_autodelete(context, txn, *object);
    if (row->delivery == DeliveryStatus::Deleted) addressing::purge_if_withdrawn(txn, key);
    return result;
}

/// The origin's acknowledgement of what this node reported about a received object.
HandleResult handle_acknowledgement(const NodeContext& context, WriteTransaction& txn, const NodeKey& peer, const Message& message,
                                    Effects& effects) {
    const auto record = txn.notification(message.key(), origin_peer(context, peer));
    if (!record || record->instance_id != message.meta.instance_id) return ignored("Another version is current");
    const Transition* row = find_transition(record->status, message.command);
    if (row == nullptr) return ignored("The exchange is in state " + std::string(to_string(record->status)));
    if (row->to) {
        apply(context, txn, *record, *row);
        return {};
    }
    const auto object = txn.object(message.key());
    if (object && object->side == Side::Receiver && object->meta.instance_id == record->instance_id) {
        effects.has_unused_files = addressing::purge(txn, *object) || effects.has_unused_files;
    } else {
        txn.erase_notification(record->object, record->peer);
    }
    return {};
}

/// Error 5 at the destination means it does not know the object: nothing is left to exchange.
HandleResult handle_feedback(const NodeContext& context, WriteTransaction& txn, const NodeKey& peer, const Message& message,
                             Effects& effects) {
    auto record =
        txn.notification(message.key(), message.feedback.from_origin ? origin_peer(context, peer) : destination_of(context, peer));
    if (!record || record->instance_id != message.meta.instance_id) return ignored("Another version is current");
    if (find_transition(record->status, Command::Feedback) == nullptr) {
        return ignored("The exchange is in state " + std::string(to_string(record->status)));
    }
    if (message.feedback.code >= kFirstInformational) {
        if (const auto delivery = txn.delivery(record->object, record->peer)) {
            set_delivery(context, txn, *record, delivery->status, message.feedback.reason);
        }
        return {};
    }
    if (message.feedback.code == kUnknownObject) {
        if (record->status != NotificationStatus::GetData ||
            !abandon_reception(context, txn, message.key(), record->instance_id, effects)) {
            txn.erase_notification(record->object, record->peer);
        }
        return {};
    }
    // The origin could not read its data just now; it is asked again by whoever receives.
    if (message.feedback.from_origin && record->status == NotificationStatus::GetData) return {};
    record->resend_at = context.resend_at();
    if (is_delete(record->status)) {
        // The object must leave the node whatever the problem was: the delete is said again.
        record->status = NotificationStatus::Delete;
        txn.put_notification(*record);
        return {};
    }
    record->status = NotificationStatus::Error;
    if (message.feedback.retry_seconds > 0) {
        record->status = NotificationStatus::Update;
        record->resend_at = context.now() + std::chrono::seconds(message.feedback.retry_seconds);
    }
    txn.put_notification(*record);
    set_delivery(context, txn, *record, DeliveryStatus::Error, message.feedback.reason);
    return {};
}

/// CSS: the replies to an update whose data must follow. An ESS asks for the data when it has a place for it (data/fetcher.h).
std::vector<Message> data_wanted(const NodeContext& context, ReadTransaction& txn, const NodeKey& peer, const Message& update) {
    std::vector<Message> replies{about(context, Command::Updated, update.meta)};
    // A node that fetches its messages brings the data by itself.
    if (!context.is_css() || context.is_polled(addressing::protocol_of(context, txn, peer))) return replies;
    const auto object = txn.object(update.key());
    if (!object || object->meta.instance_id != update.meta.instance_id) return replies;
    for (auto& request : first_chunk_requests(context, txn, *object)) replies.push_back(std::move(request));
    return replies;
}

HandleResult handle_update(const NodeContext& context, WriteTransaction& txn, const NodeKey& peer, const Message& message,
                           Effects& effects) {
    const UpdateResult update = accept_update(context, txn, peer, message.meta, effects);
    switch (update.acceptance) {
        case Acceptance::Complete: return {Verdict::Accepted, {about(context, Command::Received, message.meta)}, ""};
        case Acceptance::NeedsData: return {Verdict::Accepted, data_wanted(context, txn, peer, message), ""};
        case Acceptance::AlreadyComplete: return {Verdict::Ignored, {about(context, Command::Received, message.meta)}, update.reason};
        case Acceptance::AlreadyKnown: return {Verdict::Ignored, {about(context, Command::Updated, message.meta)}, update.reason};
        case Acceptance::Refused: {
            // The origin says why it is not delivered; it repeats the update, and this the answer, until the name is free.
            Message refusal = about(context, Command::Feedback, message.meta);
            refusal.feedback.code = kInternalError;
            refusal.feedback.reason = update.reason;
            return {Verdict::Ignored, {refusal}, update.reason};
        }
    }
    return ignored(update.reason);
}

ObjectRecord tombstone_stub(const Metadata& meta) {
    ObjectRecord stub;
    stub.side = Side::Receiver;
    stub.meta = meta;
    return stub;
}

/// The origin deleted the object (object model 8).
HandleResult handle_delete(const NodeContext& context, WriteTransaction& txn, const NodeKey& peer, const Message& message,
                           Effects& effects) {
    const ObjectKey key = message.key();
    HandleResult result;
    result.replies = {about(context, Command::AckDelete, message.meta)};
    auto object = txn.object(key);
    if (!object && context.is_css()) {
        result.replies.insert(result.replies.begin(), about(context, Command::Deleted, message.meta));
        return result;
    }
    if (object && object->side == Side::Sender) {
        result.verdict = Verdict::Ignored;
        result.reason = "The object is this node's own";
        return result;
    }
    if (object && context.is_css() && addressing::origin_of(context, object->meta) != peer) {
        result.verdict = Verdict::Ignored;
        result.reason = "The object has another origin";
        return result;
    }
    if (object && object->meta.instance_id > message.meta.instance_id) {
        result.verdict = Verdict::Ignored;
        result.reason = "A newer version is held";
        return result;
    }
    if (!object) object = tombstone_stub(message.meta);
    if (object->data) txn.erase_blob(*object->data);
    if (object->staged) txn.erase_blob(*object->staged);
    if (addressing::release_file(txn, *object)) effects.has_unused_files = true;
    object->data.reset();
    object->staged.reset();
    object->status = ObjectStatus::ObjDeleted;
    object->meta.deleted = true;
    object->meta.instance_id = message.meta.instance_id;
    object->remaining_consumers = object->meta.consumers;
    txn.put_object(*object);
    txn.erase_notifications_of_object(key);
    return result;
}

/// What almost every message about an object looks at.
void prefetch_exchange(const NodeContext& context, WriteTransaction& txn, const NodeKey& peer, const Message& message) {
    if (!context.is_css()) return;
    Prefetch names;
    names.destinations.push_back(peer);
    names.objects.push_back(message.key());
    names.notifications.emplace_back(message.key(), peer);
    names.deliveries.emplace_back(message.key(), peer);
    txn.prefetch(names);
}

/// CSS: what a node must not bring, whatever the transport let through. Names end up in URLs, lists and logs.
std::optional<HandleResult> refuse_foreign(const NodeKey& peer, const Message& message) {
    const Metadata& meta = message.meta;
    if (meta.org != peer.org) return HandleResult{Verdict::Invalid, {}, "The object belongs to another organization than the node"};
    if (message.command != Command::Update) return std::nullopt;  // The others are about what is stored already.
    if (objects::is_valid_name(meta.object_type) && objects::is_valid_name(meta.object_id)) return std::nullopt;
    return HandleResult{Verdict::Invalid, {}, "Object type or ID contains invalid characters"};
}

}  // namespace

HandleResult handle_message(const NodeContext& context, WriteTransaction& txn, const NodeKey& peer, const Message& message,
                            Effects& effects) {
    switch (message.command) {
        case Command::Register:
        case Command::RegisterNew:
        case Command::Ping:
        case Command::Unregister:
        case Command::Resend:
            if (!context.is_css()) return unexpected(message);
            return handle_registration(context, txn, peer, message, effects);
        default: break;
    }
    prefetch_exchange(context, txn, peer, message);
    if (context.is_css() && !txn.destination(peer)) {
        return {Verdict::UnknownPeer, {}, "Node " + peer.org + "/" + peer.type + "/" + peer.id + " is not registered"};
    }
    if (context.is_css()) {
        if (auto refusal = refuse_foreign(peer, message)) return *refusal;
    }
    switch (message.command) {
        case Command::Update: return handle_update(context, txn, peer, message, effects);
        case Command::Delete: return handle_delete(context, txn, peer, message, effects);
        case Command::Updated:
        case Command::Received:
        case Command::Consumed:
        case Command::GetData:
        case Command::AckDelete:
        case Command::Deleted: return handle_report(context, txn, peer, message);
        case Command::AckReceived:
        case Command::AckConsumed:
        case Command::AckDeleted: return handle_acknowledgement(context, txn, peer, message, effects);
        case Command::Feedback: return handle_feedback(context, txn, peer, message, effects);
        default: return unexpected(message);
    }
}

}  // namespace edgesync::delivery
