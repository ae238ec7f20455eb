// Where the records of a MapTransaction are in its map, and what leads to them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "edgesync/sdk/map_transaction.h"
#include "map_keys.h"

namespace edgesync::map {

std::string counter_key(const std::string& name);
std::string count_key(const ObjectKey& object, DeliveryStatus status);
std::string object_key(const ObjectKey& key);
std::string delivery_key(const ObjectKey& object, const NodeKey& node);
std::string notification_key(const ObjectKey& object, const NodeKey& peer);
std::string destination_key(const NodeKey& node);
std::string blob_key(const BlobId& id);
std::string small_key(const BlobId& id);
std::string work_key(std::uint64_t id);
std::string entry_key(EntryTable table, const std::vector<std::string>& parts);

/// Where a record stands besides its own key: in lists, and in what is counted.
struct Places {
    OrderedMap::Rows rows;              ///< Key, and what it leads to.
    std::vector<std::string> counters;  ///< Their keys.

    void add(const Key& key, std::string_view leads_to) { rows.emplace_back(key.str(), leads_to); }
};

/// None for no record.
Places places_of(const std::optional<ObjectRecord>& record);
Places places_of(const std::optional<DeliveryRecord>& record);
Places places_of(const std::optional<NotificationRecord>& record);
Places places_of(const std::optional<DestinationRecord>& record);
Places places_of(const std::optional<BlobRecord>& record);
Places places_of(const std::optional<WorkItem>& item);

}  // namespace edgesync::map
