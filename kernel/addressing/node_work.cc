#include "kernel/addressing/node_work.h"

#include "kernel/addressing/announce.h"
#include "kernel/addressing/distribution.h"
#include "kernel/addressing/work_payload.h"
#include "kernel/addressing/work_step.h"

namespace edgesync::addressing {
namespace {

using rules::Effects;
using rules::NodeContext;

/// Transactions that ran at some moment are over then. Shorter than the lease of work, so that nobody takes it for an error of the clock.
constexpr std::chrono::seconds kOthersAreOver{30};
// Where a second look stands: at what the node is a destination of, or at what addresses it.
constexpr char kAtDeliveries[] = "d";
constexpr char kAtDeliveriesOnly[] = "o";
constexpr char kAtAddresses[] = "a";

std::string requeue_payload(const NodeKey& node) { return join_fields({node.org, node.type, node.id, ""}); }

bool is_skipped(ResendMode mode, DeliveryStatus status) {
    switch (mode) {
        case ResendMode::All: return false;
        case ResendMode::NotConsumed: return status == DeliveryStatus::Consumed;
        case ResendMode::Undelivered: return status == DeliveryStatus::Consumed || status == DeliveryStatus::Delivered;
    }
    return false;
}

void welcome_with(const NodeContext& context, WriteTransaction& txn, const ObjectRecord& object, const DestinationRecord& node,
                  ResendMode mode, Effects& effects) {
    if (object.status == ObjectStatus::ObjDeleted || object.status == ObjectStatus::ConsumedByDest) return;
    const auto known = txn.delivery(object.key(), node.node);
    if (known && (!is_announceable(object) || is_skipped(mode, known->status))) return;
    add_destination(context, txn, object, node, effects);
}

/// What must be said again to a node that came back; nullopt: nothing.
std::optional<NotificationStatus> repeated_form(NotificationStatus status, bool is_persistent) {
    switch (status) {
        case NotificationStatus::Update:
        case NotificationStatus::UpdatePending:
        case NotificationStatus::Error: return NotificationStatus::Update;
        case NotificationStatus::Consumed:
        case NotificationStatus::ConsumedPending: return NotificationStatus::Consumed;
        case NotificationStatus::Delete:
        case NotificationStatus::DeletePending: return NotificationStatus::Delete;
        case NotificationStatus::Deleted:
        case NotificationStatus::DeletedPending: return NotificationStatus::Deleted;
        case NotificationStatus::Received:
        case NotificationStatus::ReceivedPending: return NotificationStatus::Received;
        case NotificationStatus::Data:
        case NotificationStatus::Updated:
        case NotificationStatus::ReceivedByDest: return is_persistent ? std::nullopt : std::optional(NotificationStatus::Update);
        default: return std::nullopt;
    }
}

void repeat(const NodeContext& context, WriteTransaction& txn, const NotificationRecord& record, const DestinationRecord& node,
            Effects& effects) {
    const auto form = repeated_form(record.status, node.is_persistent);
    if (!form) return;
    const auto object = txn.object(record.object);
    if (!object && *form == NotificationStatus::Delete) {
        // The object went without it: the node was no destination of its last version.
        ObjectRecord gone;
        gone.meta.org = record.object.org;
        gone.meta.object_type = record.object.type;
        gone.meta.object_id = record.object.id;
        gone.meta.instance_id = record.instance_id;
        gone.meta.data_id = record.data_id;
        return notify_delete(context, txn, gone, node.node, node.protocol, effects);
    }
    if (!object) return txn.erase_notification(record.object, record.peer);
    if (*form == NotificationStatus::Update) {
        if (object->meta.instance_id != record.instance_id || !is_announceable(*object)) return;
        return add_destination(context, txn, *object, node, effects);
    }
    if (*form == NotificationStatus::Delete) return notify_delete(context, txn, *object, node.node, node.protocol, effects);
    notify_origin(context, txn, *object, *form, effects);
}

bool is_withdrawal(NotificationStatus status) {
    return status == NotificationStatus::Delete || status == NotificationStatus::DeletePending || status == NotificationStatus::AckDelete;
}

/// Brings what the node is told of an object that it is a destination of in line with the object.
void mend_exchange(const NodeContext& context, WriteTransaction& txn, const ObjectKey& key, const DestinationRecord& node,
                   Effects& effects) {
    const auto object = txn.object(key);
    const auto delivery = txn.delivery(key, node.node);
    const auto record = txn.notification(key, node.node);
    if (!delivery) return;
    if (!object) return txn.erase_delivery(key, node.node);
    if (object->side != Side::Sender) return;
    const bool is_withdrawn = record && is_withdrawal(record->status);
    if (object->status == ObjectStatus::ObjDeleted) {
        if (!is_withdrawn && delivery->status != DeliveryStatus::Deleted)
            notify_delete(context, txn, *object, node.node, node.protocol, effects);
        return;
    }
    if (!is_announceable(*object)) return;
    const bool is_on_its_way = delivery->status == DeliveryStatus::Delivering || delivery->status == DeliveryStatus::Pending;
    const bool is_told = record ? is_withdrawn || record->instance_id == object->meta.instance_id : !is_on_its_way;
    if (!is_told) add_destination(context, txn, *object, node, effects);
}

}  // namespace

void continue_welcome(const NodeContext& context, WriteTransaction& txn, const WorkItem& item, Effects& effects) {
    auto fields = split_fields(item.payload, 5);
    const NodeKey node{fields[0], fields[1], fields[2]};
    const auto registered = txn.destination(node);
    if (!registered) return txn.complete_work(item.id);
    const auto mode = static_cast<ResendMode>(std::stoi(fields[3]));
    const auto page = txn.objects_addressed_to(node, fields[4], kWorkStep);
    Prefetch names;
    for (const auto& object : page.items) names.deliveries.emplace_back(object.key(), node);
    txn.prefetch(names);
    for (const auto& object : page.items) welcome_with(context, txn, object, *registered, mode, effects);
    fields[4] = page.next;
    finish_step(txn, item, page.next.empty(), join_fields(fields), effects);
}

void continue_requeue(const NodeContext& context, WriteTransaction& txn, const WorkItem& item, Effects& effects) {
    auto fields = split_fields(item.payload, 4);
    const NodeKey node{fields[0], fields[1], fields[2]};
    const auto registered = txn.destination(node);
    if (!registered) return txn.complete_work(item.id);
    const auto page = txn.notifications_of_peer(node, fields[3], kWorkStep);
    Prefetch names;
    for (const auto& record : page.items) names.objects.push_back(record.object);
    txn.prefetch(names);
    for (const auto& record : page.items) repeat(context, txn, record, *registered, effects);
    fields[3] = page.next;
    finish_step(txn, item, page.next.empty(), join_fields(fields), effects);
}

void continue_second_look(const NodeContext& context, WriteTransaction& txn, const WorkItem& item, Effects& effects) {
    auto fields = split_fields(item.payload, 5);
    const NodeKey node{fields[0], fields[1], fields[2]};
    const auto registered = txn.destination(node);
    if (!registered) return txn.complete_work(item.id);
    Prefetch names;
    if (fields[3] != kAtAddresses) {
        const auto page = txn.objects_of_node(node, fields[4], kWorkStep);
        for (const auto& key : page.items) {
            names.objects.push_back(key);
            names.deliveries.emplace_back(key, node);
            names.notifications.emplace_back(key, node);
        }
        txn.prefetch(names);
        for (const auto& key : page.items) mend_exchange(context, txn, key, *registered, effects);
        fields[4] = page.next;
        const bool is_over = page.next.empty() && fields[3] == kAtDeliveriesOnly;
        if (is_over || !page.next.empty()) return finish_step(txn, item, is_over, join_fields(fields), effects);
        fields[3] = kAtAddresses;
    }
    const auto page = txn.objects_addressed_to(node, fields[4], kWorkStep);
    names = {};
    for (const auto& object : page.items) {
        names.deliveries.emplace_back(object.key(), node);
        names.notifications.emplace_back(object.key(), node);
    }
    txn.prefetch(names);
    for (const auto& object : page.items) {
        // Somebody may have removed the node from the object's destinations.
        const auto record = txn.notification(object.key(), node);
        const bool is_removed = record && is_withdrawal(record->status);
        if (!is_removed && !txn.delivery(object.key(), node)) welcome_with(context, txn, object, *registered, ResendMode::All, effects);
    }
    fields[4] = page.next;
    finish_step(txn, item, page.next.empty(), join_fields(fields), effects);
}

void continue_detach(const NodeContext& context, WriteTransaction& txn, const WorkItem& item, Effects& effects) {
    auto fields = split_fields(item.payload, 4);
    const NodeKey node{fields[0], fields[1], fields[2]};
    const bool is_back = txn.destination(node).has_value();
    const auto page = txn.objects_of_node(node, fields[3], kWorkStep);
    Prefetch names;
    names.objects = page.items;
    txn.prefetch(names);
    for (const auto& key : page.items) {
        txn.erase_delivery(key, node);
        purge_if_withdrawn(txn, key);
    }
    fields[3] = page.next;
    if (page.next.empty()) txn.erase_notifications_of_peer(node);
    // It may have come back and been told everything, by another instance, before this was done, which has erased that again.
    if (page.next.empty() && is_back) enqueue_welcome(context, txn, node, ResendMode::Undelivered, effects);
    finish_step(txn, item, page.next.empty(), join_fields(fields), effects);
}

void enqueue_welcome(const NodeContext& context, WriteTransaction& txn, const NodeKey& node, ResendMode mode, Effects& effects) {
    enqueue(context, txn, kWelcomeWork, join_fields({node.org, node.type, node.id, std::to_string(static_cast<int>(mode)), ""}), effects);
}

void enqueue_requeue(const NodeContext& context, WriteTransaction& txn, const NodeKey& node, Effects& effects) {
    enqueue(context, txn, kRequeueWork, requeue_payload(node), effects);
}

void enqueue_second_look(const NodeContext& context, WriteTransaction& txn, const NodeKey& node, bool is_new, bool has_new_protocol,
                         Effects& effects) {
    if (!context.is_store_shared) return;
    const TimePoint then = context.now() + kOthersAreOver;
    const char* at = is_new ? kAtDeliveries : kAtDeliveriesOnly;
    txn.enqueue_work(kSecondLookWork, join_fields({node.org, node.type, node.id, at, ""}), then);
    if (has_new_protocol) txn.enqueue_work(kRequeueWork, requeue_payload(node), then);
    effects.has_work = true;
}

void enqueue_detach(const NodeContext& context, WriteTransaction& txn, const NodeKey& node, Effects& effects) {
    enqueue(context, txn, kDetachWork, join_fields({node.org, node.type, node.id, ""}), effects);
}

}  // namespace edgesync::addressing
