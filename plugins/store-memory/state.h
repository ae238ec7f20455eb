// Everything that transactions see, as one value: a copy is a snapshot.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "blob_content.h"
#include "edgesync/sdk/store.h"
#include "persistent_map.h"

namespace edgesync::memory {

/// A place in the index by addressing: (org, destination type, destination id), where empty parts mean "any".
using Address = NodeKey;

/// (org, type, instance id, object id): the order of updated_objects.
using UpdateKey = std::tuple<std::string, std::string, InstanceId, std::string>;

struct BlobEntry {
    BlobRecord record;
    std::shared_ptr<BlobContent> content;  ///< Null if nobody wrote octets for the record yet.
};

struct State {
    PersistentMap<ObjectKey, ObjectRecord> objects;
    PersistentSet<UpdateKey> updated;               ///< CompletelyReceived, ObjDeleted.
    PersistentSet<UpdateKey> updated_and_received;  ///< The same plus ObjReceived.
    PersistentSet<std::pair<Address, ObjectKey>> addressed;
    PersistentSet<std::pair<TimePoint, ObjectKey>> expiring;
    PersistentSet<std::pair<TimePoint, ObjectKey>> activating;
    PersistentSet<std::pair<TimePoint, ObjectKey>> consumed;
    std::uint64_t own_objects = 0;

    PersistentMap<std::pair<ObjectKey, NodeKey>, DeliveryRecord> deliveries;
    PersistentSet<std::pair<NodeKey, ObjectKey>> node_objects;
    PersistentMap<ObjectKey, DeliveryCounts> delivery_counts;

    PersistentMap<std::pair<ObjectKey, NodeKey>, NotificationRecord> notifications;
    PersistentSet<std::pair<NodeKey, ObjectKey>> peer_notifications;
    PersistentMap<std::pair<NodeKey, std::uint64_t>, ObjectKey> pending;  ///< By sequence.
    PersistentSet<std::tuple<TimePoint, ObjectKey, NodeKey>> due;
    PersistentSet<std::pair<ObjectKey, NodeKey>> transfers;
    std::uint64_t last_sequence = 0;

    PersistentMap<NodeKey, DestinationRecord> destinations;
    PersistentSet<std::pair<TimePoint, NodeKey>> pings;

    PersistentMap<BlobId, BlobEntry> blobs;
    PersistentSet<std::pair<TimePoint, BlobId>> staged;

    PersistentMap<std::pair<EntryTable, std::vector<std::string>>, std::string> entries;

    PersistentMap<std::uint64_t, WorkItem> work;
    PersistentSet<std::pair<TimePoint, std::uint64_t>> work_times;
    std::uint64_t last_work_id = 0;

    std::int64_t record_bytes = 0;  ///< Estimate of all records; blob octets are counted by their BlobContent.

    /// Keep record, indexes, counters and record_bytes in step. Absent is fine for the erasing ones.
    void put(Edit edit, const ObjectRecord& record);
    void erase(Edit edit, const ObjectKey& key);
    void put(Edit edit, const DeliveryRecord& record);
    void erase_delivery(Edit edit, const ObjectKey& object, const NodeKey& node);
    void put(Edit edit, const NotificationRecord& record);  ///< Assigns the sequence.
    void erase_notification(Edit edit, const ObjectKey& object, const NodeKey& peer);
    void put(Edit edit, const DestinationRecord& record);
    void erase(Edit edit, const NodeKey& node);
    void put(Edit edit, const BlobEntry& entry);
    void erase(Edit edit, const BlobId& id);
    void put(Edit edit, EntryTable table, const std::vector<std::string>& key, const std::string& value);
    void erase(Edit edit, EntryTable table, const std::vector<std::string>& key);
    void put(Edit edit, const WorkItem& item);
    void erase_work(Edit edit, std::uint64_t id);

private:
    void index(Edit edit, const ObjectRecord& record, bool is_present);
    void index(Edit edit, const NotificationRecord& record, bool is_present);
    void count_delivery(Edit edit, const DeliveryRecord& record, bool is_present);
};

}  // namespace edgesync::memory
