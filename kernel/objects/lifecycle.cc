#include "kernel/objects/lifecycle.h"

#include <limits>

#include "edgesync/sdk/error.h"
#include "kernel/addressing/announce.h"
#include "kernel/addressing/distribution.h"
#include "kernel/objects/time_text.h"

namespace edgesync::objects {
namespace {

using rules::Effects;
using rules::NodeContext;

constexpr std::int32_t kUnlimited = std::numeric_limits<std::int32_t>::max();

[[noreturn]] void refuse(const std::string& text) { throw Error(ErrorKind::InvalidRequest, text); }

/// Rule 37 and its neighbours: may the stored record be replaced by this metadata?
void check_update(const NodeContext& context, const ObjectRecord& old, const Metadata& meta) {
    if (old.side == Side::Receiver) refuse("Can't update object of the receiving side");
    if (old.status == ObjectStatus::ConsumedByDest && meta.meta_only) refuse("Can't update only the meta data of consumed object");
    // What was deleted is made anew, whether all nodes have confirmed the deletion or not.
    if (old.status == ObjectStatus::ObjDeleted) return;
    if (context.is_css() && old.meta.destination_policy.has_value() != meta.destination_policy.has_value()) {
        refuse("Can't update the existence of Destination Policy");
    }
}

/// Keeps what a metadata-only update must not touch.
void keep_data_fields(ObjectRecord& record, const ObjectRecord& old) {
    record.data = old.data;
    record.meta.data_id = old.meta.data_id;
    record.meta.object_size = old.meta.object_size;
    record.meta.hash_algorithm = old.meta.hash_algorithm;
    record.meta.public_key = old.meta.public_key;
    record.meta.signature = old.meta.signature;
    record.meta.source_data_uri = old.meta.source_data_uri;
}

void drop_data_fields(Metadata& meta) {
    meta.link.clear();
    meta.source_data_uri.clear();
    meta.public_key.clear();
    meta.signature.clear();
}

/// Publishes the blob of new data and points the record at it.
void attach_data(WriteTransaction& txn, ObjectRecord& record, const NewData& data, TimePoint now) {
    BlobRecord blob;
    blob.id = data.blob;
    blob.owner = record.key();
    blob.state = BlobState::Published;
    blob.total = data.size;
    blob.instance_id = record.meta.instance_id;
    blob.sha256 = data.sha256;
    blob.created = now;
    if (data.is_staged) {
        txn.put_blob(blob);
    } else {
        txn.put_small_data(blob, std::as_bytes(std::span(data.octets)));
    }
    record.data = data.blob;
    record.meta.data_id = record.meta.instance_id;
    record.meta.object_size = data.size;
}

/// Data that stays in a file of the application's: read when it is sent.
void set_source(ObjectRecord& record, const PublishRequest& request) {
    record.meta.data_id = record.meta.instance_id;
    record.meta.object_size = request.source_size;
    if (request.signature == PublishRequest::Signature::Invalid) record.status = ObjectStatus::VerificationFailed;
}

/// Does a metadata-only update keep the file that the old version's data is read from? Not one that is not known to be good, except as the
/// failure that it is, until the request names another.
bool keeps_source_of(const ObjectRecord& old, const PublishRequest& request) {
    if (!request.meta.meta_only || request.meta.no_data || old.meta.source_data_uri.empty()) return false;
    return old.status == ObjectStatus::Ready || (old.status == ObjectStatus::VerificationFailed && request.source_size < 0);
}

ObjectStatus status_without_data(const ObjectRecord& record, bool keeps_data) {
    if (record.meta.no_data || !record.meta.link.empty() || !record.meta.source_data_uri.empty()) return ObjectStatus::Ready;
    return keeps_data ? ObjectStatus::Ready : ObjectStatus::NotReady;
}

ObjectRecord new_record(const NodeContext& context, const PublishRequest& request, InstanceId instance, TimePoint now) {
    ObjectRecord record;
    record.side = Side::Sender;
    record.meta = request.meta;
    Metadata& meta = record.meta;
    meta.instance_id = instance;
    meta.data_id = 0;
    meta.object_size = 0;
    meta.upload_chunk_size = 0;
    meta.chunk_size = context.max_chunk_size;
    meta.origin_type = context.self.type;
    meta.origin_id = context.self.id;
    meta.owner_id = request.owner;
    meta.deleted = false;
    if (meta.destination_policy) {
        meta.destination_policy->timestamp = now.time_since_epoch().count();
    }
    if (meta.no_data) drop_data_fields(meta);
    record.remaining_consumers = meta.consumers;
    record.remaining_receivers = meta.consumers;
    if (!meta.expiration.empty()) record.expires = parse_rfc3339(meta.expiration);
    if (meta.inactive && !meta.activation_time.empty()) record.activates = parse_rfc3339(meta.activation_time);
    return record;
}

/// Removes the blobs of the replaced version that the new record does not use.
void drop_old_blobs(WriteTransaction& txn, const ObjectRecord& old, const ObjectRecord& record) {
    if (old.data && old.data != record.data) txn.erase_blob(*old.data);
    if (old.staged && old.staged != record.staged && old.staged != record.data) txn.erase_blob(*old.staged);
}

ObjectRecord received_object(WriteTransaction& txn, const ObjectKey& key, const std::string& missing) {
    auto object = txn.object(key);
    if (!object) refuse(missing);
    return std::move(*object);
}

bool is_received(ObjectStatus status) { return status == ObjectStatus::CompletelyReceived || status == ObjectStatus::ObjReceived; }

void activate_now(const NodeContext& context, WriteTransaction& txn, ObjectRecord& object, Effects& effects) {
    object.meta.inactive = false;
    object.activates.reset();
    txn.put_object(object);
    if (addressing::is_announceable(object)) addressing::distribute(context, txn, object, effects);
}

}  // namespace

PublishResult publish(const NodeContext& context, WriteTransaction& txn, const PublishRequest& request, Effects& effects) {
    const TimePoint now = context.now();
    addressing::prefetch_for_publish(context, txn, request.meta);
    const auto old =
        txn.object(request.meta.org.empty() ? ObjectKey{} : ObjectKey{request.meta.org, request.meta.object_type, request.meta.object_id});
    if (old) check_update(context, *old, request.meta);
    if (context.is_css() && request.meta.destinations_list) addressing::check_list(txn, request.meta.org, *request.meta.destinations_list);

    const InstanceId instance = txn.next_instance_id(now, old ? old->meta.instance_id : 0);
    ObjectRecord record = new_record(context, request, instance, now);
    const bool keeps_data = record.meta.meta_only && old && old->data && !record.meta.no_data;
    const bool keeps_source = old && keeps_source_of(*old, request);
    if (keeps_data || keeps_source) {
        keep_data_fields(record, *old);
        // Nobody asks an edge node for data that is missing: what the CSS may not have goes along.
        if (!context.is_css()) record.meta.meta_only = addressing::is_data_at_cloud(context, txn, *old);
    }
    record.status = keeps_source && !keeps_data ? old->status : status_without_data(record, keeps_data);
    const bool has_new_source = request.source_size >= 0 && !record.meta.no_data && !keeps_data && !keeps_source;
    if (has_new_source) set_source(record, request);
    if (request.data.is_given && !record.meta.no_data) {
        if (request.signature == PublishRequest::Signature::Invalid) {
            record.status = ObjectStatus::VerificationFailed;
        } else {
            attach_data(txn, record, request.data, now);
            record.status = ObjectStatus::Ready;
        }
    }
    if (old) drop_old_blobs(txn, *old, record);
    // Of an object of this name that is gone, a crash may have left them.
    if (!old && context.is_store_shared && !txn.deliveries(record.key(), "", 1).items.empty()) txn.erase_deliveries(record.key());
    txn.put_object(record);
    addressing::distribute(context, txn, record, effects);
    return {instance, record.status};
}

void check_accepts_data(const std::optional<ObjectRecord>& object) {
    if (!object) throw Error(ErrorKind::NotFound, "Object not found");
    if (object->side == Side::Receiver) refuse("Can't update data of the receiving side");
    if (object->status == ObjectStatus::ObjDeleted || object->status == ObjectStatus::ConsumedByDest) {
        refuse("Can't update data of a deleted or consumed object");
    }
    if (object->meta.no_data) refuse("Can't update data, the NoData flag is set to true");
}

PublishResult store_data(const NodeContext& context, WriteTransaction& txn, const ObjectKey& key, const NewData& data,
                         PublishRequest::Signature signature, Effects& effects) {
    auto object = txn.object(key);
    check_accepts_data(object);
    const ObjectRecord old = *object;
    const TimePoint now = context.now();
    object->meta.instance_id = txn.next_instance_id(now, old.meta.instance_id);
    object->meta.source_data_uri.clear();
    object->staged.reset();
    if (signature == PublishRequest::Signature::Invalid) {
        object->status = ObjectStatus::VerificationFailed;
        object->data.reset();
        object->meta.data_id = object->meta.instance_id;
        object->meta.object_size = 0;
        txn.erase_blob(data.blob);
    } else {
        attach_data(txn, *object, data, now);
        object->status = ObjectStatus::Ready;
    }
    drop_old_blobs(txn, old, *object);
    txn.put_object(*object);
    if (addressing::is_announceable(*object)) addressing::distribute(context, txn, *object, effects);
    return {object->meta.instance_id, object->status};
}

void remove(const NodeContext& context, WriteTransaction& txn, const ObjectKey& key, Effects& effects) {
    auto object = txn.object(key);
    if (!object) throw Error(ErrorKind::NotFound, "Object not found");
    if (object->side == Side::Receiver) {
        if (!context.is_css()) refuse("Can't delete object on the receiving side for ESS");
        effects.has_unused_files = addressing::purge(txn, *object) || effects.has_unused_files;
        return;
    }
    if (object->status == ObjectStatus::ObjDeleted) return;
    if (object->status == ObjectStatus::ConsumedByDest) {
        addressing::purge(txn, *object);
        return;
    }
    const ObjectRecord old = *object;
    object->status = ObjectStatus::ObjDeleted;
    object->meta.deleted = true;
    object->data.reset();
    object->staged.reset();
    object->expires.reset();
    object->activates.reset();
    drop_old_blobs(txn, old, *object);
    if (addressing::withdraw(context, txn, *object, effects)) {
        // Nodes that dropped out before may still have to hear of that.
        txn.erase_deliveries(key);
        txn.erase_object(key);
        return;
    }
    txn.put_object(*object);
}

void mark_consumed(const NodeContext& context, WriteTransaction& txn, const ObjectKey& key, Effects& effects) {
    ObjectRecord object = received_object(txn, key, "Failed to find object to mark as consumed");
    if (!is_received(object.status)) {
        refuse("Invalid attempt to mark object in status " + std::string(to_string(object.status)) + " as consumed");
    }
    if (object.remaining_consumers == kUnlimited) return;
    if (--object.remaining_consumers == 0) {
        object.status = ObjectStatus::ObjConsumed;
        addressing::notify_origin(context, txn, object, NotificationStatus::Consumed, effects);
    }
    txn.put_object(object);
}

void mark_received(WriteTransaction& txn, const ObjectKey& key) {
    ObjectRecord object = received_object(txn, key, "Failed to find object to mark as received");
    if (!is_received(object.status)) {
        refuse("Invalid attempt to mark object in status " + std::string(to_string(object.status)) + " as received");
    }
    if (object.remaining_receivers == kUnlimited || object.remaining_receivers == 0) return;
    if (--object.remaining_receivers == 0) object.status = ObjectStatus::ObjReceived;
    txn.put_object(object);
}

void confirm_deleted(const NodeContext& context, WriteTransaction& txn, const ObjectKey& key, Effects& effects) {
    ObjectRecord object = received_object(txn, key, "Failed to find object to confirm deletion");
    if (object.status != ObjectStatus::ObjDeleted || object.side != Side::Receiver) {
        refuse("Invalid attempt to confirm deletion of object in status " + std::string(to_string(object.status)));
    }
    if (object.remaining_consumers == kUnlimited || object.remaining_consumers == 0) return;
    if (--object.remaining_consumers == 0) addressing::notify_origin(context, txn, object, NotificationStatus::Deleted, effects);
    txn.put_object(object);
}

void activate(const NodeContext& context, WriteTransaction& txn, const ObjectKey& key, Effects& effects) {
    auto object = txn.object(key);
    if (!object) refuse("Object not found");
    if (object->side == Side::Receiver) refuse("Can't activate object on the receiving side");
    if (object->meta.inactive) activate_now(context, txn, *object, effects);
}

void activate_if_due(const NodeContext& context, WriteTransaction& txn, const ObjectKey& key, TimePoint now, Effects& effects) {
    auto object = txn.object(key);
    if (object && object->activates && *object->activates <= now) activate_now(context, txn, *object, effects);
}

void expire_if_due(const NodeContext& context, WriteTransaction& txn, const ObjectKey& key, TimePoint now, Effects& effects) {
    const auto object = txn.object(key);
    if (!object || !object->expires || *object->expires > now) return;
    if (context.notifies_on_expiration) return remove(context, txn, key, effects);
    addressing::purge(txn, *object);
}

void trim_consumed(const NodeContext& context, WriteTransaction& txn) {
    const std::uint64_t kept = context.consumed_objects_kept;
    const std::uint64_t count = txn.count_consumed_objects();
    if (count <= kept + kept / 10) return;
    for (const auto& key : txn.consumed_objects(std::min<std::size_t>(count - kept, 1000))) {
        if (const auto object = txn.object(key)) addressing::purge(txn, *object);
    }
}

std::size_t remove_abandoned_uploads(WriteTransaction& txn, TimePoint before, std::size_t limit) {
    const auto blobs = txn.staged_blobs(before, limit);
    std::size_t erased = 0;
    for (const auto& id : blobs) {
        const auto blob = txn.blob(id);
        if (!blob || blob->created >= before) continue;  // It goes on after all.
        auto object = txn.object(blob->owner);
        const bool is_current = object && object->staged == id;
        // A transfer goes on, and a complete upload is judged, however old it is.
        if (is_current && (object->side == Side::Receiver || object->status == ObjectStatus::Verifying)) continue;
        if (is_current) {
            object->staged.reset();
            txn.put_object(*object);
        }
        txn.erase_blob(id);
        ++erased;
    }
    return erased;
}

}  // namespace edgesync::objects
