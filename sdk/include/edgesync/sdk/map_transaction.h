// A store's records, lists and counters on top of any ordered map of octets: whoever has one that can commit (an embedded key-value store,
// one SQL table) has all of store.h's transactions with it. What is left to write is when to commit, and where large data are
// (examples/store-sqlite).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "edgesync/sdk/store.h"

namespace edgesync {

namespace map {
struct Places;
}  // namespace map

/// Octets in the order of their keys, which are compared octet by octet, as one transaction sees them. Keys are those of key.h and have 511
/// octets at most; values are records, or data of up to the store's inline limit.
class OrderedMap {
public:
    using Rows = std::vector<std::pair<std::string, std::string>>;

    virtual ~OrderedMap() = default;
    virtual std::optional<std::string> get(const std::string& key) = 0;
    /// Adds or replaces.
    virtual void put(const std::string& key, const std::string& value) = 0;
    /// Absent is fine.
    virtual void erase(const std::string& key) = 0;
    /// The first ones with begin <= key < end.
    virtual Rows range(const std::string& begin, const std::string& end, std::size_t limit) = 0;
};

/// All of WriteTransaction, and so of ReadTransaction; as short-lived as the map. A put replaces the record with its places in lists and
/// counters; lists read no more than they return. The map's keys are the same in all versions of the SDK with one major number.
class MapTransaction : public WriteTransaction {
public:
    /// Opens the octets of a blob that is not small data; `size` -1: those that are there. Null: there are none.
    using OpenLarge = std::function<std::unique_ptr<BlobReader>(const BlobId& id, std::int64_t size)>;

    /// `inline_limit`: as in StoreTraits.
    MapTransaction(OrderedMap& map, OpenLarge open_large, std::int64_t inline_limit)
        : map_(map), open_large_(std::move(open_large)), inline_limit_(inline_limit) {}

    /// Whose octets may go once the transaction is committed. Some were small data, or never had any.
    const std::vector<BlobId>& erased_blobs() const { return erased_blobs_; }

    std::optional<ObjectRecord> object(const ObjectKey& key) override;
    Page<ObjectRecord> objects(const std::string& org, const std::string& type, const std::string& cursor, std::size_t limit) override;
    Page<ObjectRecord> updated_objects(const std::string& org, const std::string& type, bool include_received, const std::string& cursor,
                                       std::size_t limit) override;
    Page<ObjectRecord> objects_addressed_to(const NodeKey& node, const std::string& cursor, std::size_t limit) override;
    std::vector<ObjectKey> expired_objects(TimePoint now, std::size_t limit) override;
    std::vector<ObjectKey> objects_to_activate(TimePoint now, std::size_t limit) override;
    std::vector<ObjectKey> consumed_objects(std::size_t limit) override;
    std::uint64_t count_consumed_objects() override;
    std::uint64_t count_own_objects() override;
    std::optional<DeliveryRecord> delivery(const ObjectKey& object, const NodeKey& node) override;
    Page<DeliveryRecord> deliveries(const ObjectKey& object, const std::string& cursor, std::size_t limit) override;
    DeliveryCounts delivery_counts(const ObjectKey& object) override;
    Page<ObjectKey> objects_of_node(const NodeKey& node, const std::string& cursor, std::size_t limit) override;
    std::optional<NotificationRecord> notification(const ObjectKey& object, const NodeKey& peer) override;
    Page<NotificationRecord> notifications_of_object(const ObjectKey& object, const std::string& cursor, std::size_t limit) override;
    Page<NotificationRecord> notifications_of_peer(const NodeKey& peer, const std::string& cursor, std::size_t limit) override;
    std::vector<NotificationRecord> pending_notifications(const NodeKey& peer, std::uint64_t after, std::size_t limit) override;
    std::vector<NotificationRecord> due_notifications(TimePoint now, std::size_t limit) override;
    Page<NotificationRecord> transfers(const std::string& cursor, std::size_t limit) override;
    std::optional<DestinationRecord> destination(const NodeKey& node) override;
    Page<DestinationRecord> destinations(const std::string& org, const std::string& type, const std::string& cursor,
                                         std::size_t limit) override;
    std::vector<NodeKey> inactive_destinations(TimePoint before, std::size_t limit) override;
    std::uint64_t count_destinations() override;
    std::optional<BlobRecord> blob(const BlobId& id) override;
    std::unique_ptr<BlobReader> open_blob(const BlobId& id) override;
    std::vector<BlobId> staged_blobs(TimePoint before, std::size_t limit) override;
    std::optional<std::string> entry(EntryTable table, const std::vector<std::string>& key) override;
    Page<Entry> entries(EntryTable table, const std::vector<std::string>& prefix, const std::string& cursor, std::size_t limit) override;
    std::uint64_t count_work() override;
    std::optional<TimePoint> next_work() override;

    void put_object(const ObjectRecord& record) override;
    void erase_object(const ObjectKey& key) override;
    void put_delivery(const DeliveryRecord& record) override;
    void erase_delivery(const ObjectKey& object, const NodeKey& node) override;
    void erase_deliveries(const ObjectKey& object) override;
    void put_notification(const NotificationRecord& record) override;
    void erase_notification(const ObjectKey& object, const NodeKey& peer) override;
    void erase_notifications_of_object(const ObjectKey& object) override;
    void erase_notifications_of_peer(const NodeKey& peer) override;
    void put_destination(const DestinationRecord& record) override;
    void erase_destination(const NodeKey& node) override;
    void put_blob(const BlobRecord& record) override;
    void put_small_data(const BlobRecord& record, std::span<const std::byte> octets) override;
    void erase_blob(const BlobId& id) override;
    void put_entry(EntryTable table, const std::vector<std::string>& key, const std::string& value) override;
    void erase_entry(EntryTable table, const std::vector<std::string>& key) override;
    InstanceId next_instance_id(TimePoint now, InstanceId floor) override;
    std::uint64_t enqueue_work(const std::string& kind, const std::string& payload, TimePoint not_before) override;
    std::vector<WorkItem> claim_work(TimePoint now, std::chrono::seconds lease, std::size_t limit) override;
    void complete_work(std::uint64_t id) override;
    void reschedule_work(std::uint64_t id, TimePoint not_before, const std::string& payload) override;

private:
    template <typename Record>
    std::optional<Record> record_at(const std::string& key, Record (*decode)(std::string_view));
    template <typename Make>
    auto page(const std::string& prefix, const std::string& cursor, std::size_t limit, Make make);
    template <typename Make>
    auto list(const std::string& begin, const std::string& end, std::size_t limit, Make make);
    /// Puts (or, without `record`, erases) a record with the places that it has in lists and counters instead of those it had.
    void replace(const std::string& key, const std::optional<std::string>& record, const map::Places& before, const map::Places& after);
    void erase_all(const std::string& prefix, const std::function<void(const std::string& key, const std::string& value)>& erase_one);
    void erase_delivery_at(const std::string& key);
    void erase_notification_at(const std::string& key);
    void put_work(const std::optional<WorkItem>& before, const WorkItem& item);
    std::uint64_t number_at(const std::string& key);
    std::uint64_t next_of(const std::string& name);

    OrderedMap& map_;
    const OpenLarge open_large_;
    const std::int64_t inline_limit_;
    std::vector<BlobId> erased_blobs_;
};

}  // namespace edgesync
