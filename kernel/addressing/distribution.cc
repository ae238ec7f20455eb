#include "kernel/addressing/distribution.h"

#include <algorithm>

#include "edgesync/sdk/error.h"
#include "kernel/addressing/announce.h"
#include "kernel/addressing/data_file.h"
#include "kernel/addressing/org_removal.h"
#include "kernel/addressing/work_payload.h"

namespace edgesync::addressing {
namespace {

using rules::Effects;
using rules::NodeContext;

/// Where a fan-out stands: first the nodes that dropped out, then those that are addressed.
struct Progress {
    enum class Phase : char { Drop = 'd', Add = 'a', Finished = 'f' };
    Phase phase = Phase::Drop;
    std::string cursor;
};

/// Pending says nothing about an earlier version, which the node may have; the exchange about that one does.
bool may_hold_object(ReadTransaction& txn, const DeliveryRecord& delivery) {
    if (delivery.status != DeliveryStatus::Pending) return delivery.status != DeliveryStatus::Deleted;
    const auto record = txn.notification(delivery.object, delivery.node);
    return record && record->status != NotificationStatus::Update;
}

void set_destination(const NodeContext& context, WriteTransaction& txn, const ObjectRecord& object, const NodeKey& node,
                     const std::string& protocol, Effects& effects) {
    const bool announces = is_announceable(object);
    txn.put_delivery({object.key(), node, announces ? DeliveryStatus::Delivering : DeliveryStatus::Pending, ""});
    if (announces) notify_update(context, txn, object, node, protocol, effects);
}

void add_if_registered(const NodeContext& context, WriteTransaction& txn, const ObjectRecord& object, const NodeKey& node,
                       Effects& effects) {
    if (const auto registered = txn.destination(node)) set_destination(context, txn, object, node, registered->protocol, effects);
}

/// One page of the Drop phase; returns how many nodes were looked at.
std::size_t drop_step(const NodeContext& context, WriteTransaction& txn, const ObjectRecord& object, Progress& progress, std::size_t limit,
                      Effects& effects) {
    const auto page = txn.deliveries(object.key(), progress.cursor, limit);
    for (const auto& delivery : page.items) {
        if (!addresses(object.meta, delivery.node)) remove_destination(context, txn, object, delivery, effects);
    }
    progress.cursor = page.next;
    if (page.next.empty()) progress.phase = Progress::Phase::Add;
    return page.items.size();
}

/// One page of the destinations that a policy engine chose.
std::size_t announce_chosen_step(const NodeContext& context, WriteTransaction& txn, const ObjectRecord& object, Progress& progress,
                                 std::size_t limit, Effects& effects) {
    if (!is_announceable(object)) {
        progress.phase = Progress::Phase::Finished;
        return 0;
    }
    const auto page = txn.deliveries(object.key(), progress.cursor, limit);
    for (const auto& delivery : page.items) add_if_registered(context, txn, object, delivery.node, effects);
    progress.cursor = page.next;
    if (page.next.empty()) progress.phase = Progress::Phase::Finished;
    return page.items.size();
}

std::size_t add_step(const NodeContext& context, WriteTransaction& txn, const ObjectRecord& object, Progress& progress, std::size_t limit,
                     Effects& effects) {
    const Metadata& meta = object.meta;
    if (meta.destination_policy) return announce_chosen_step(context, txn, object, progress, limit, effects);
    if (!meta.destination_id.empty()) {
        add_if_registered(context, txn, object, {meta.org, meta.destination_type, meta.destination_id}, effects);
        progress.phase = Progress::Phase::Finished;
        return 1;
    }
    if (meta.destinations_list && !meta.destinations_list->empty()) {
        const auto& list = *meta.destinations_list;
        std::size_t at = progress.cursor.empty() ? 0 : std::stoul(progress.cursor);
        const std::size_t end = std::min(list.size(), at + limit);
        const std::size_t count = end - at;
        for (; at < end; ++at) {
            if (const auto node = node_of_entry(meta.org, list[at])) add_if_registered(context, txn, object, *node, effects);
        }
        progress.cursor = std::to_string(end);
        if (end == list.size()) progress.phase = Progress::Phase::Finished;
        return count;
    }
    const auto page = txn.destinations(meta.org, meta.destination_type, progress.cursor, limit);
    for (const auto& node : page.items) set_destination(context, txn, object, node.node, node.protocol, effects);
    progress.cursor = page.next;
    if (page.next.empty()) progress.phase = Progress::Phase::Finished;
    return page.items.size();
}

/// Works on up to `limit` nodes.
void distribute_step(const NodeContext& context, WriteTransaction& txn, const ObjectRecord& object, Progress& progress, std::size_t limit,
                     Effects& effects) {
    while (limit > 0 && progress.phase != Progress::Phase::Finished) {
        const std::size_t done = progress.phase == Progress::Phase::Drop ? drop_step(context, txn, object, progress, limit, effects)
                                                                         : add_step(context, txn, object, progress, limit, effects);
        limit -= std::min(limit, std::max<std::size_t>(done, 1));
    }
}

std::string payload_of(const ObjectRecord& object, const Progress& progress) {
    return join_fields({object.meta.org, object.meta.object_type, object.meta.object_id, std::to_string(object.meta.instance_id),
                        std::string(1, static_cast<char>(progress.phase)), progress.cursor});
}

void enqueue(const NodeContext& context, WriteTransaction& txn, const char* kind, const std::string& payload, Effects& effects) {
    txn.enqueue_work(kind, payload, context.now());
    effects.has_work = true;
}

/// The object a fan-out item is about, if it is still the same version.
std::optional<ObjectRecord> current_object(WriteTransaction& txn, const std::vector<std::string>& fields) {
    auto object = txn.object({fields[0], fields[1], fields[2]});
    if (!object || object->side != Side::Sender || std::to_string(object->meta.instance_id) != fields[3]) return std::nullopt;
    return object;
}

void finish_step(WriteTransaction& txn, const WorkItem& item, bool finished, const std::string& payload, Effects& effects) {
    if (finished) {
        txn.complete_work(item.id);
        return;
    }
    // The item keeps its place in the order, so that later work about the same node or object stays behind it.
    txn.reschedule_work(item.id, item.not_before, payload);
    effects.has_work = true;
}

void continue_distribution(const NodeContext& context, WriteTransaction& txn, const WorkItem& item, Effects& effects) {
    const auto fields = split_fields(item.payload, 6);
    const auto object = current_object(txn, fields);
    if (!object || object->status == ObjectStatus::ObjDeleted) return txn.complete_work(item.id);
    Progress progress{static_cast<Progress::Phase>(fields[4].empty() ? 'd' : fields[4][0]), fields[5]};
    distribute_step(context, txn, *object, progress, kFanOutStep, effects);
    finish_step(txn, item, progress.phase == Progress::Phase::Finished, payload_of(*object, progress), effects);
}

/// Sends deletes to up to `limit` destinations; returns the cursor to go on from, empty at the end.
std::string withdraw_step(const NodeContext& context, WriteTransaction& txn, const ObjectRecord& object, const std::string& cursor,
                          std::size_t limit, Effects& effects) {
    const auto page = txn.deliveries(object.key(), cursor, limit);
    for (const auto& delivery : page.items) {
        notify_delete(context, txn, object, delivery.node, protocol_of(context, txn, delivery.node), effects);
    }
    return page.next;
}

void continue_withdrawal(const NodeContext& context, WriteTransaction& txn, const WorkItem& item, Effects& effects) {
    const auto fields = split_fields(item.payload, 6);
    const auto object = current_object(txn, fields);
    if (!object || object->status != ObjectStatus::ObjDeleted) return txn.complete_work(item.id);
    Progress progress{Progress::Phase::Drop, withdraw_step(context, txn, *object, fields[5], kFanOutStep, effects)};
    finish_step(txn, item, progress.cursor.empty(), payload_of(*object, progress), effects);
}

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
    set_destination(context, txn, object, node.node, node.protocol, effects);
}

void continue_welcome(const NodeContext& context, WriteTransaction& txn, const WorkItem& item, Effects& effects) {
    auto fields = split_fields(item.payload, 5);
    const NodeKey node{fields[0], fields[1], fields[2]};
    const auto registered = txn.destination(node);
    if (!registered) return txn.complete_work(item.id);
    const auto mode = static_cast<ResendMode>(std::stoi(fields[3]));
    const auto page = txn.objects_addressed_to(node, fields[4], kFanOutStep);
    for (const auto& object : page.items) welcome_with(context, txn, object, *registered, mode, effects);
    fields[4] = page.next;
    finish_step(txn, item, page.next.empty(), join_fields(fields), effects);
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
    if (!object) return txn.erase_notification(record.object, record.peer);
    if (*form == NotificationStatus::Update) {
        if (object->meta.instance_id != record.instance_id || !is_announceable(*object)) return;
        return set_destination(context, txn, *object, node.node, node.protocol, effects);
    }
    if (*form == NotificationStatus::Delete) return notify_delete(context, txn, *object, node.node, node.protocol, effects);
    notify_origin(context, txn, *object, *form, effects);
}

void continue_requeue(const NodeContext& context, WriteTransaction& txn, const WorkItem& item, Effects& effects) {
    auto fields = split_fields(item.payload, 4);
    const NodeKey node{fields[0], fields[1], fields[2]};
    const auto registered = txn.destination(node);
    if (!registered) return txn.complete_work(item.id);
    const auto page = txn.notifications_of_peer(node, fields[3], kFanOutStep);
    for (const auto& record : page.items) repeat(context, txn, record, *registered, effects);
    fields[3] = page.next;
    finish_step(txn, item, page.next.empty(), join_fields(fields), effects);
}

void continue_detach(WriteTransaction& txn, const WorkItem& item, Effects& effects) {
    auto fields = split_fields(item.payload, 4);
    const NodeKey node{fields[0], fields[1], fields[2]};
    const auto page = txn.objects_of_node(node, fields[3], kFanOutStep);
    for (const auto& key : page.items) {
        txn.erase_delivery(key, node);
        purge_if_withdrawn(txn, key);
    }
    fields[3] = page.next;
    if (page.next.empty()) txn.erase_notifications_of_peer(node);
    finish_step(txn, item, page.next.empty(), join_fields(fields), effects);
}

}  // namespace

std::optional<NodeKey> node_of_entry(const std::string& org, const std::string& entry) {
    const auto colon = entry.find(':');
    if (colon == std::string::npos || colon == 0 || colon + 1 == entry.size()) return std::nullopt;
    if (entry.find(':', colon + 1) != std::string::npos) return std::nullopt;
    return NodeKey{org, entry.substr(0, colon), entry.substr(colon + 1)};
}

bool addresses(const Metadata& meta, const NodeKey& node) {
    if (meta.destination_policy) return true;
    if (meta.org != node.org) return false;
    if (meta.destinations_list && !meta.destinations_list->empty()) {
        return std::find(meta.destinations_list->begin(), meta.destinations_list->end(), node.type + ":" + node.id) !=
               meta.destinations_list->end();
    }
    return (meta.destination_type.empty() || meta.destination_type == node.type) &&
           (meta.destination_id.empty() || meta.destination_id == node.id);
}

void check_list(ReadTransaction& txn, const std::string& org, const std::vector<std::string>& list) {
    for (const auto& entry : list) {
        const auto node = node_of_entry(org, entry);
        if (!node || !txn.destination(*node)) throw Error(ErrorKind::InvalidRequest, "Invalid destination " + entry);
    }
}

void distribute(const NodeContext& context, WriteTransaction& txn, const ObjectRecord& object, Effects& effects) {
    if (!context.is_css()) {
        if (is_announceable(object)) notify_update(context, txn, object, context.self, "", effects);
        return;
    }
    Progress progress;
    distribute_step(context, txn, object, progress, kInlineFanOut, effects);
    if (progress.phase != Progress::Phase::Finished) enqueue(context, txn, kDistributeWork, payload_of(object, progress), effects);
}

bool withdraw(const NodeContext& context, WriteTransaction& txn, const ObjectRecord& object, Effects& effects) {
    if (!context.is_css()) {
        notify_delete(context, txn, object, context.self, "", effects);
        return false;
    }
    if (txn.deliveries(object.key(), "", 1).items.empty()) return true;
    Progress progress{Progress::Phase::Drop, withdraw_step(context, txn, object, "", kInlineFanOut, effects)};
    if (!progress.cursor.empty()) enqueue(context, txn, kWithdrawWork, payload_of(object, progress), effects);
    return false;
}

void add_destination(const NodeContext& context, WriteTransaction& txn, const ObjectRecord& object, const DestinationRecord& node,
                     Effects& effects) {
    set_destination(context, txn, object, node.node, node.protocol, effects);
}

void remove_destination(const NodeContext& context, WriteTransaction& txn, const ObjectRecord& object, const DeliveryRecord& delivery,
                        Effects& effects) {
    if (may_hold_object(txn, delivery)) {
        notify_delete(context, txn, object, delivery.node, protocol_of(context, txn, delivery.node), effects);
    } else {
        txn.erase_notification(delivery.object, delivery.node);
    }
    txn.erase_delivery(delivery.object, delivery.node);
}

bool purge(WriteTransaction& txn, const ObjectRecord& object) {
    const ObjectKey key = object.key();
    const bool has_file = release_file(txn, object);
    if (object.data) txn.erase_blob(*object.data);
    if (object.staged) txn.erase_blob(*object.staged);
    txn.erase_deliveries(key);
    txn.erase_notifications_of_object(key);
    txn.erase_object(key);
    return has_file;
}

void purge_if_withdrawn(WriteTransaction& txn, const ObjectKey& key) {
    const auto object = txn.object(key);
    if (!object || object->side != Side::Sender || object->status != ObjectStatus::ObjDeleted) return;
    const DeliveryCounts counts = txn.delivery_counts(key);
    for (std::size_t status = 0; status < counts.size(); ++status) {
        if (counts[status] > 0 && status != static_cast<std::size_t>(DeliveryStatus::Deleted)) return;
    }
    // The records of the delete handshake stay until the nodes' applications confirm.
    if (object->data) txn.erase_blob(*object->data);
    if (object->staged) txn.erase_blob(*object->staged);
    txn.erase_deliveries(key);
    txn.erase_object(key);
}

void run_work_step(const NodeContext& context, WriteTransaction& txn, const WorkItem& item, Effects& effects) {
    if (item.kind == kDistributeWork) return continue_distribution(context, txn, item, effects);
    if (item.kind == kWithdrawWork) return continue_withdrawal(context, txn, item, effects);
    if (item.kind == kWelcomeWork) return continue_welcome(context, txn, item, effects);
    if (item.kind == kRequeueWork) return continue_requeue(context, txn, item, effects);
    if (item.kind == kDetachWork) return continue_detach(txn, item, effects);
    if (item.kind == kOrgRemovalWork) return continue_org_removal(txn, item, effects);
    throw Error(ErrorKind::InvalidRequest, "Unknown kind of work '" + item.kind + "'");
}

void enqueue_welcome(const NodeContext& context, WriteTransaction& txn, const NodeKey& node, ResendMode mode, Effects& effects) {
    enqueue(context, txn, kWelcomeWork, join_fields({node.org, node.type, node.id, std::to_string(static_cast<int>(mode)), ""}), effects);
}

void enqueue_requeue(const NodeContext& context, WriteTransaction& txn, const NodeKey& node, Effects& effects) {
    enqueue(context, txn, kRequeueWork, join_fields({node.org, node.type, node.id, ""}), effects);
}

void enqueue_detach(const NodeContext& context, WriteTransaction& txn, const NodeKey& node, Effects& effects) {
    enqueue(context, txn, kDetachWork, join_fields({node.org, node.type, node.id, ""}), effects);
}

}  // namespace edgesync::addressing
