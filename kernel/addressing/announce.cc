#include "kernel/addressing/announce.h"

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

}  // namespace

void notify_update(const rules::NodeContext& context, WriteTransaction& txn, const ObjectRecord& object, const NodeKey& peer,
                   const std::string& protocol, rules::Effects& effects) {
    put(context, txn, object, peer, NotificationStatus::Update, protocol, effects);
}

void notify_delete(const rules::NodeContext& context, WriteTransaction& txn, const ObjectRecord& object, const NodeKey& peer,
                   const std::string& protocol, rules::Effects& effects) {
    put(context, txn, object, peer, NotificationStatus::Delete, protocol, effects);
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
