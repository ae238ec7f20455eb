// What records say to peers, and when they say it again.
#include "kernel/addressing/announce.h"
#include "kernel/addressing/data_file.h"
#include "kernel/delivery/inbound.h"
#include "kernel/delivery/notification_state.h"

namespace edgesync::delivery {
namespace {

using rules::Effects;
using rules::NodeContext;

const std::vector<std::string> kMustAnnounce{"must-announce"};

std::optional<Command> command_of(NotificationStatus status) {
    switch (status) {
        case NotificationStatus::Update:
        case NotificationStatus::UpdatePending: return Command::Update;
        case NotificationStatus::Delete:
        case NotificationStatus::DeletePending: return Command::Delete;
        case NotificationStatus::Received:
        case NotificationStatus::ReceivedPending: return Command::Received;
        case NotificationStatus::Consumed:
        case NotificationStatus::ConsumedPending: return Command::Consumed;
        case NotificationStatus::Deleted:
        case NotificationStatus::DeletedPending: return Command::Deleted;
        default: return std::nullopt;
    }
}

void repeat_one(const NodeContext& context, WriteTransaction& txn, NotificationRecord record, Effects& effects) {
    const auto object = txn.object(record.object);
    // Without its object a withdrawal is to be repeated, too: the node was no destination of the last version.
    if (!object && record.status != NotificationStatus::Delete) return txn.erase_notification(record.object, record.peer);
    if (record.status == NotificationStatus::Error || record.status == NotificationStatus::Update) {
        if (object->meta.instance_id != record.instance_id || !addressing::is_announceable(*object)) {
            return txn.erase_notification(record.object, record.peer);
        }
        addressing::notify_update(context, txn, *object, record.peer, addressing::protocol_of(context, txn, record.peer), effects);
        if (context.is_css() && txn.delivery(record.object, record.peer)) {
            txn.put_delivery({record.object, record.peer, DeliveryStatus::Delivering, ""});
        }
        return;
    }
    record.resend_at = context.resend_at();
    txn.put_notification(record);
    effects.send.push_back({record.object, record.peer});
}

}  // namespace

std::optional<Message> message_of(const NodeContext& context, ReadTransaction& txn, const NotificationRecord& record) {
    if (record.status == NotificationStatus::ReceiverError) return context.is_css() ? std::nullopt : failure_message(context, txn, record);
    const auto command = command_of(record.status);
    if (!command) return std::nullopt;
    const auto object = txn.object(record.object);
    if (is_bound_to_version(record.status) && (!object || object->meta.instance_id != record.instance_id)) return std::nullopt;
    if (command == Command::Update && object->status == ObjectStatus::ObjDeleted) return std::nullopt;
    Message message;
    message.command = *command;
    if (object) {
        message.meta = object->meta;
    } else {
        message.meta.org = record.object.org;
        message.meta.object_type = record.object.type;
        message.meta.object_id = record.object.id;
        message.meta.origin_type = context.self.type;
        message.meta.origin_id = context.self.id;
        message.meta.deleted = true;
    }
    message.meta.instance_id = record.instance_id;
    message.meta.data_id = record.data_id;
    const bool is_own_report = command == Command::Received || command == Command::Consumed || command == Command::Deleted;
    if (is_own_report) addressing::hide_own_place(context, message.meta);
    if (context.is_css() && !is_own_report) {
        message.meta.destination_type = record.peer.type;
        message.meta.destination_id = record.peer.id;
    } else if (!context.is_css()) {
        message.meta.destination_type = context.self.type;
        message.meta.destination_id = context.self.id;
    }
    if (command == Command::Update && object->data) {
        if (const auto blob = txn.blob(*object->data)) message.sha256 = blob->sha256;
    }
    return message;
}

bool must_announce(ReadTransaction& txn) { return txn.entry(EntryTable::Setting, kMustAnnounce).has_value(); }

void set_announced(WriteTransaction& txn) { txn.erase_entry(EntryTable::Setting, kMustAnnounce); }

void forget_exchange(const NodeContext& context, WriteTransaction& txn, Effects& effects) {
    txn.put_entry(EntryTable::Setting, kMustAnnounce, "1");
    txn.erase_notifications_of_peer(context.self);
    txn.erase_notifications_of_peer(context.cloud());
    std::string cursor;
    do {
        const auto page = txn.objects("", "", cursor, 1000);
        for (const auto& object : page.items) {
            const bool is_partial = object.side == Side::Receiver && object.status == ObjectStatus::PartiallyReceived;
            const bool is_lost =
                object.side == Side::Receiver && object.status == ObjectStatus::CompletelyReceived && !context.is_storage_persistent;
            if (!is_partial && !is_lost) continue;
            if (object.data) txn.erase_blob(*object.data);
            if (object.staged) txn.erase_blob(*object.staged);
            if (addressing::release_file(txn, object)) effects.has_unused_files = true;
            txn.erase_object(object.key());
        }
        cursor = page.next;
    } while (!cursor.empty());
}

std::string announce_own_objects(const NodeContext& context, WriteTransaction& txn, const std::string& cursor, std::size_t limit,
                                 Effects& effects) {
    const auto page = txn.objects("", "", cursor, limit);
    for (const auto& object : page.items) {
        if (object.side == Side::Sender && addressing::is_announceable(object)) {
            addressing::notify_update(context, txn, object, context.self, "", effects);
        }
    }
    return page.next;
}

std::size_t repeat_due(const NodeContext& context, WriteTransaction& txn, std::size_t limit, Effects& effects) {
    const auto due = txn.due_notifications(context.now(), limit);
    for (const auto& record : due) repeat_one(context, txn, record, effects);
    return due.size();
}

}  // namespace edgesync::delivery
