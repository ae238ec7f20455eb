// Transactions that pass every call on, for those that change one.
#pragma once

#include "edgesync/sdk/store.h"

namespace edgesync::broken {

/// Base: ReadTransaction, or WriteTransaction with its reads.
template <typename Base>
class ForwardingReads : public Base {
public:
    explicit ForwardingReads(Base& inner) : inner_(inner) {}

    using Text = const std::string&;

    std::optional<ObjectRecord> object(const ObjectKey& key) override { return inner_.object(key); }
    Page<ObjectRecord> objects(Text org, Text type, Text cursor, std::size_t limit) override {
        return inner_.objects(org, type, cursor, limit);
    }
    Page<ObjectRecord> updated_objects(Text org, Text type, bool received, Text cursor, std::size_t limit) override {
        return inner_.updated_objects(org, type, received, cursor, limit);
    }
    Page<ObjectRecord> objects_addressed_to(const NodeKey& node, Text cursor, std::size_t limit) override {
        return inner_.objects_addressed_to(node, cursor, limit);
    }
    std::vector<ObjectKey> expired_objects(TimePoint now, std::size_t limit) override { return inner_.expired_objects(now, limit); }
    std::vector<ObjectKey> objects_to_activate(TimePoint now, std::size_t limit) override { return inner_.objects_to_activate(now, limit); }
    std::vector<ObjectKey> consumed_objects(std::size_t limit) override { return inner_.consumed_objects(limit); }
    std::uint64_t count_consumed_objects() override { return inner_.count_consumed_objects(); }
    std::uint64_t count_own_objects() override { return inner_.count_own_objects(); }

    std::optional<DeliveryRecord> delivery(const ObjectKey& object, const NodeKey& node) override { return inner_.delivery(object, node); }
    Page<DeliveryRecord> deliveries(const ObjectKey& object, Text cursor, std::size_t limit) override {
        return inner_.deliveries(object, cursor, limit);
    }
    DeliveryCounts delivery_counts(const ObjectKey& object) override { return inner_.delivery_counts(object); }
    Page<ObjectKey> objects_of_node(const NodeKey& node, Text cursor, std::size_t limit) override {
        return inner_.objects_of_node(node, cursor, limit);
    }

    std::optional<NotificationRecord> notification(const ObjectKey& object, const NodeKey& peer) override {
        return inner_.notification(object, peer);
    }
    Page<NotificationRecord> notifications_of_object(const ObjectKey& object, Text cursor, std::size_t limit) override {
        return inner_.notifications_of_object(object, cursor, limit);
    }
    Page<NotificationRecord> notifications_of_peer(const NodeKey& peer, Text cursor, std::size_t limit) override {
        return inner_.notifications_of_peer(peer, cursor, limit);
    }
    std::vector<NotificationRecord> pending_notifications(const NodeKey& peer, std::uint64_t after, std::size_t limit) override {
        return inner_.pending_notifications(peer, after, limit);
    }
    std::vector<NotificationRecord> due_notifications(TimePoint now, std::size_t limit) override {
        return inner_.due_notifications(now, limit);
    }
    Page<NotificationRecord> transfers(Text cursor, std::size_t limit) override { return inner_.transfers(cursor, limit); }

    std::optional<DestinationRecord> destination(const NodeKey& node) override { return inner_.destination(node); }
    Page<DestinationRecord> destinations(Text org, Text type, Text cursor, std::size_t limit) override {
        return inner_.destinations(org, type, cursor, limit);
    }
    std::vector<NodeKey> inactive_destinations(TimePoint before, std::size_t limit) override {
        return inner_.inactive_destinations(before, limit);
    }
    std::uint64_t count_destinations() override { return inner_.count_destinations(); }

    std::optional<BlobRecord> blob(const BlobId& id) override { return inner_.blob(id); }
    std::unique_ptr<BlobReader> open_blob(const BlobId& id) override { return inner_.open_blob(id); }
    std::vector<BlobId> staged_blobs(TimePoint before, std::size_t limit) override { return inner_.staged_blobs(before, limit); }

    std::optional<std::string> entry(EntryTable table, const std::vector<std::string>& key) override { return inner_.entry(table, key); }
    Page<Entry> entries(EntryTable table, const std::vector<std::string>& prefix, Text cursor, std::size_t limit) override {
        return inner_.entries(table, prefix, cursor, limit);
    }

    std::uint64_t count_work() override { return inner_.count_work(); }
    std::optional<TimePoint> next_work() override { return inner_.next_work(); }

protected:
    Base& inner_;
};

/// Set operations are those of the SDK, made of the single calls here.
class ForwardingWrites : public ForwardingReads<WriteTransaction> {
public:
    using ForwardingReads::ForwardingReads;

    void put_object(const ObjectRecord& record) override { inner_.put_object(record); }
    void erase_object(const ObjectKey& key) override { inner_.erase_object(key); }
    void put_delivery(const DeliveryRecord& record) override { inner_.put_delivery(record); }
    void erase_delivery(const ObjectKey& object, const NodeKey& node) override { inner_.erase_delivery(object, node); }
    void erase_deliveries(const ObjectKey& object) override { inner_.erase_deliveries(object); }
    void put_notification(const NotificationRecord& record) override { inner_.put_notification(record); }
    void erase_notification(const ObjectKey& object, const NodeKey& peer) override { inner_.erase_notification(object, peer); }
    void erase_notifications_of_object(const ObjectKey& object) override { inner_.erase_notifications_of_object(object); }
    void erase_notifications_of_peer(const NodeKey& peer) override { inner_.erase_notifications_of_peer(peer); }
    void put_destination(const DestinationRecord& record) override { inner_.put_destination(record); }
    void erase_destination(const NodeKey& node) override { inner_.erase_destination(node); }
    void put_blob(const BlobRecord& record) override { inner_.put_blob(record); }
    void put_small_data(const BlobRecord& record, std::span<const std::byte> octets) override { inner_.put_small_data(record, octets); }
    void erase_blob(const BlobId& id) override { inner_.erase_blob(id); }
    void put_entry(EntryTable table, const std::vector<std::string>& key, Text value) override { inner_.put_entry(table, key, value); }
    void erase_entry(EntryTable table, const std::vector<std::string>& key) override { inner_.erase_entry(table, key); }
    InstanceId next_instance_id(TimePoint now, InstanceId floor) override { return inner_.next_instance_id(now, floor); }
    std::uint64_t enqueue_work(Text kind, Text payload, TimePoint not_before) override {
        return inner_.enqueue_work(kind, payload, not_before);
    }
    std::vector<WorkItem> claim_work(TimePoint now, std::chrono::seconds lease, std::size_t limit) override {
        return inner_.claim_work(now, lease, limit);
    }
    void complete_work(std::uint64_t id) override { inner_.complete_work(id); }
    void reschedule_work(std::uint64_t id, TimePoint not_before, Text payload) override { inner_.reschedule_work(id, not_before, payload); }
    void broadcast(Text message) override { inner_.broadcast(message); }
    void require_leadership(std::int64_t term) override { inner_.require_leadership(term); }
};

}  // namespace edgesync::broken
