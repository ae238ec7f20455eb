#include "kernel/addressing/announce.h"

#include <algorithm>
#include <iterator>

namespace edgesync::addressing {
namespace {

NotificationStatus pending_form(NotificationStatus status) {
    switch (status) {
        case NotificationStatus::Update: return NotificationStatus::UpdatePending;
        case NotificationStatus::Delete: return NotificationStatus::DeletePending;
        case NotificationStatus::Received: return NotificationStatus::ReceivedPending;
        case NotificationStatus::Consumed: return NotificationStatus::ConsumedPending;
        case NotificationStatus::Deleted: return NotificationStatus::DeletedPending;
        default: return status;
    }
}

void put(const rules::NodeContext& context, WriteTransaction& txn, const ObjectRecord& object, const NodeKey& peer,
         NotificationStatus status, const std::string& protocol, rules::Effects& effects) {
    NotificationRecord record;
    record.object = object.key();
    record.peer = peer;
    record.instance_id = object.meta.instance_id;
    record.data_id = object.meta.data_id;
    record.resend_at = context.resend_at();
    if (context.is_css() && context.is_polled(protocol)) {
        record.status = pending_form(status);
        effects.wake.push_back(peer);
    } else {
        record.status = status;
        effects.send.push_back({record.object, peer});
    }
    txn.put_notification(record);
}

FanOut for_many(const rules::NodeContext& context, const ObjectRecord& object, NotificationStatus status) {
    FanOut order;
    order.object = object.key();
    order.others = status;
    order.polled = pending_form(status);
    order.polled_protocols = context.polled_protocols;
    order.instance_id = object.meta.instance_id;
    order.data_id = object.meta.data_id;
    order.resend_at = context.resend_at();
    return order;
}

/// The CSS cannot be relied on to have the data that this update of the metadata alone leaves as it is: it never confirmed it, it
/// does not know this node any more, or it failed.
bool must_bring_data(ReadTransaction& txn, const ObjectRecord& object, const NodeKey& peer) {
    if (!object.meta.meta_only || object.meta.data_id == 0) return false;
    const auto last = txn.notification(object.key(), peer);
    return !last || last->data_id != object.meta.data_id || last->status == NotificationStatus::Error;
}

}  // namespace

void notify_update(const rules::NodeContext& context, WriteTransaction& txn, const ObjectRecord& object, const NodeKey& peer,
                   const std::string& protocol, rules::Effects& effects) {
    if (!context.is_css() && must_bring_data(txn, object, peer)) {
        ObjectRecord whole = object;
        whole.meta.meta_only = false;
        txn.put_object(whole);
    }
    put(context, txn, object, peer, NotificationStatus::Update, protocol, effects);
}

bool is_data_at_cloud(const rules::NodeContext& context, ReadTransaction& txn, const ObjectRecord& object) {
    const auto last = txn.notification(object.key(), context.self);
    if (!last || last->data_id != object.meta.data_id) return false;
    return last->status == NotificationStatus::ReceivedByDest || object.meta.meta_only;
}

void notify_delete(const rules::NodeContext& context, WriteTransaction& txn, const ObjectRecord& object, const NodeKey& peer,
                   const std::string& protocol, rules::Effects& effects) {
    put(context, txn, object, peer, NotificationStatus::Delete, protocol, effects);
}

FanOut update_for_many(const rules::NodeContext& context, const ObjectRecord& object) {
    FanOut order = for_many(context, object, NotificationStatus::Update);
    order.delivery = DeliveryStatus::Delivering;
    if (is_announceable(object)) return order;
    order.delivery = DeliveryStatus::Pending;
    order.polled.reset();
    order.others.reset();
    return order;
}

FanOut delete_for_many(const rules::NodeContext& context, const ObjectRecord& object) {
    FanOut order = for_many(context, object, NotificationStatus::Delete);
    order.to = FanOut::To::Destinations;
    return order;
}

bool notify_many(WriteTransaction& txn, const FanOut& order, std::string& cursor, std::size_t limit, std::size_t& count,
                 rules::Effects& effects) {
    FanOutStep step = txn.fan_out(order, cursor, limit);
    cursor = std::move(step.next);
    count = step.count;
    for (const auto& node : step.others) effects.send.push_back({order.object, node});
    std::move(step.polled.begin(), step.polled.end(), std::back_inserter(effects.wake));
    return step.says_polled;
}

void notify_origin(const rules::NodeContext& context, WriteTransaction& txn, const ObjectRecord& object, NotificationStatus status,
                   rules::Effects& effects) {
    const NodeKey origin = origin_of(context, object.meta);
    put(context, txn, object, origin, status, protocol_of(context, txn, origin), effects);
}

std::string protocol_of(const rules::NodeContext& context, ReadTransaction& txn, const NodeKey& node) {
    if (!context.is_css()) return {};
    const auto destination = txn.destination(node);
    return destination ? destination->protocol : std::string{};
}

NodeKey origin_of(const rules::NodeContext& context, const Metadata& meta) {
    if (!context.is_css()) return context.cloud();
    return {meta.org, meta.origin_type, meta.origin_id};
}

bool is_announceable(const ObjectRecord& object) { return object.status == ObjectStatus::Ready && !object.meta.inactive; }

}  // namespace edgesync::addressing
