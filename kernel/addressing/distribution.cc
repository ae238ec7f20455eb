#include "kernel/addressing/distribution.h"

#include <algorithm>

#include "edgesync/sdk/error.h"
#include "kernel/addressing/announce.h"
#include "kernel/addressing/data_file.h"
#include "kernel/addressing/work_payload.h"
#include "kernel/addressing/work_step.h"

namespace edgesync::addressing {
namespace {

using rules::Effects;
using rules::NodeContext;

constexpr std::size_t kFieldsOfProgress = 7;

/// Where a fan-out stands: first the nodes that dropped out, then those that are addressed.
struct Progress {
    enum class Phase : char { Drop = 'd', Add = 'a', Finished = 'f' };
    Phase phase = Phase::Drop;
    std::string cursor;
    bool owes_wake = false;  ///< Nodes got something without being woken; the last step wakes the whole organization.
};

/// Does the metadata address all nodes of the org, or of a type?
bool is_wide(const Metadata& meta) {
    return !meta.destination_policy && meta.destination_id.empty() && (!meta.destinations_list || meta.destinations_list->empty());
}

std::optional<NodeKey> only_node(const Metadata& meta) {
    if (meta.destination_policy || meta.destination_id.empty()) return std::nullopt;
    return NodeKey{meta.org, meta.destination_type, meta.destination_id};
}

void append_nodes_of_list(std::vector<NodeKey>& nodes, const Metadata& meta, std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
        if (auto node = node_of_entry(meta.org, (*meta.destinations_list)[i])) nodes.push_back(std::move(*node));
    }
}

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

/// Destinations among which are all that may have dropped out.
Page<DeliveryRecord> possibly_dropped(WriteTransaction& txn, const ObjectRecord& object, const std::string& cursor, std::size_t limit) {
    const Metadata& meta = object.meta;
    if (meta.destination_policy || (is_wide(meta) && meta.destination_type.empty())) return {};
    if (is_wide(meta)) return txn.deliveries_outside(object.key(), meta.destination_type, cursor, limit);
    return txn.deliveries(object.key(), cursor, limit);
}

/// One page of the Drop phase; returns how many nodes were looked at.
std::size_t drop_step(const NodeContext& context, WriteTransaction& txn, const ObjectRecord& object, Progress& progress, std::size_t limit,
                      Effects& effects) {
    auto page = possibly_dropped(txn, object, progress.cursor, limit);
    const std::size_t count = page.items.size();
    std::erase_if(page.items, [&](const DeliveryRecord& delivery) { return addresses(object.meta, delivery.node); });
    if (!page.items.empty()) prefetch_for_removal(txn, page.items);
    for (const auto& delivery : page.items) remove_destination(context, txn, object, delivery, effects);
    progress.cursor = page.next;
    if (!page.next.empty()) return limit;  // Others may have been looked at that are not in the page.
    progress.phase = Progress::Phase::Add;
    return count;
}

/// A step over many nodes: registered ones, or those that a policy engine chose.
std::size_t add_many_step(const NodeContext& context, WriteTransaction& txn, const ObjectRecord& object, Progress& progress,
                          std::size_t limit, Effects& effects) {
    FanOut order = update_for_many(context, object);
    order.node_type = object.meta.destination_type;
    if (object.meta.destination_policy) order.to = FanOut::To::Destinations;
    std::size_t count = 0;
    if (!notify_many(txn, order, progress.cursor, limit, count, effects)) progress.owes_wake = true;
    if (progress.cursor.empty()) progress.phase = Progress::Phase::Finished;
    return count;
}

std::size_t add_step(const NodeContext& context, WriteTransaction& txn, const ObjectRecord& object, Progress& progress, std::size_t limit,
                     Effects& effects) {
    const Metadata& meta = object.meta;
    if (meta.destination_policy && !is_announceable(object)) {
        progress.phase = Progress::Phase::Finished;
        return 0;
    }
    if (meta.destination_policy || is_wide(meta)) return add_many_step(context, txn, object, progress, limit, effects);
    if (const auto node = only_node(meta)) {
        add_if_registered(context, txn, object, *node, effects);
        progress.phase = Progress::Phase::Finished;
        return 1;
    }
    const std::size_t at = progress.cursor.empty() ? 0 : std::stoul(progress.cursor);
    const std::size_t end = std::min(meta.destinations_list->size(), at + std::min(limit, kWorkStep));
    Prefetch names;
    append_nodes_of_list(names.destinations, meta, at, end);
    txn.prefetch(names);
    for (const auto& node : names.destinations) add_if_registered(context, txn, object, node, effects);
    progress.cursor = std::to_string(end);
    if (end == meta.destinations_list->size()) progress.phase = Progress::Phase::Finished;
    return end - at;
}

/// Works on up to `limit` nodes, as far as the store handles them together; on some of them otherwise.
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
                        std::string(1, static_cast<char>(progress.phase)), progress.cursor, progress.owes_wake ? "w" : ""});
}

Progress progress_of(const std::vector<std::string>& fields) {
    return {static_cast<Progress::Phase>(fields[4].empty() ? 'd' : fields[4][0]), fields[5], !fields[6].empty()};
}

void wake_if_owed(const ObjectRecord& object, const Progress& progress, bool is_finished, Effects& effects) {
    if (is_finished && progress.owes_wake) effects.wake_orgs.push_back(object.meta.org);
}

/// The object a fan-out item is about, if it is still the same version.
std::optional<ObjectRecord> current_object(WriteTransaction& txn, const std::vector<std::string>& fields) {
    auto object = txn.object({fields[0], fields[1], fields[2]});
    if (!object || object->side != Side::Sender || std::to_string(object->meta.instance_id) != fields[3]) return std::nullopt;
    return object;
}

/// Sends deletes to up to `limit` destinations; returns how many were looked at. One that is not registered any more is being removed
/// from the object by other work.
std::size_t withdraw_step(const NodeContext& context, WriteTransaction& txn, const ObjectRecord& object, Progress& progress,
                          std::size_t limit, Effects& effects) {
    std::size_t count = 0;
    if (!notify_many(txn, delete_for_many(context, object), progress.cursor, limit, count, effects)) progress.owes_wake = true;
    return count;
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

void prefetch_for_publish(const NodeContext& context, WriteTransaction& txn, const Metadata& meta) {
    Prefetch names;
    const ObjectKey key{meta.org, meta.object_type, meta.object_id};
    names.objects.push_back(key);
    if (context.is_css()) {
        names.few_deliveries_of = key;
        if (is_wide(meta)) names.few_nodes_of = std::pair(meta.org, meta.destination_type);
        if (auto node = only_node(meta)) names.destinations.push_back(std::move(*node));
        if (meta.destinations_list) append_nodes_of_list(names.destinations, meta, 0, meta.destinations_list->size());
    }
    txn.prefetch(names);
}

void prefetch_for_removal(WriteTransaction& txn, const std::vector<DeliveryRecord>& deliveries) {
    Prefetch names;
    for (const auto& delivery : deliveries) {
        names.notifications.emplace_back(delivery.object, delivery.node);
        names.destinations.push_back(delivery.node);
    }
    txn.prefetch(names);
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
    Progress progress;
    if (withdraw_step(context, txn, object, progress, kInlineFanOut, effects) == 0) return true;
    if (!progress.cursor.empty()) enqueue(context, txn, kWithdrawWork, payload_of(object, progress), effects);
    return false;
}

void continue_distribution(const NodeContext& context, WriteTransaction& txn, const WorkItem& item, Effects& effects) {
    const auto fields = split_fields(item.payload, kFieldsOfProgress);
    const auto object = current_object(txn, fields);
    if (!object || object->status == ObjectStatus::ObjDeleted) return txn.complete_work(item.id);
    Progress progress = progress_of(fields);
    distribute_step(context, txn, *object, progress, progress.phase == Progress::Phase::Drop ? kWorkStep : txn.fan_out_step(), effects);
    const bool is_finished = progress.phase == Progress::Phase::Finished;
    wake_if_owed(*object, progress, is_finished, effects);
    finish_step(txn, item, is_finished, payload_of(*object, progress), effects);
}

void continue_withdrawal(const NodeContext& context, WriteTransaction& txn, const WorkItem& item, Effects& effects) {
    const auto fields = split_fields(item.payload, kFieldsOfProgress);
    const auto object = current_object(txn, fields);
    if (!object || object->status != ObjectStatus::ObjDeleted) return txn.complete_work(item.id);
    Progress progress = progress_of(fields);
    withdraw_step(context, txn, *object, progress, txn.fan_out_step(), effects);
    wake_if_owed(*object, progress, progress.cursor.empty(), effects);
    finish_step(txn, item, progress.cursor.empty(), payload_of(*object, progress), effects);
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

}  // namespace edgesync::addressing
