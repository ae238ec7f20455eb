// Where the records of a MapTransaction are in its map, and what leads to them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "edgesync/sdk/map_transaction.h"
#include "map_keys.h"

namespace edgesync::map {

std::string counter_place(const std::string& name);
std::string place(const ObjectKey& key);
std::string place(const NodeKey& node);
std::string place(const BlobId& id);
std::string place_of_work(std::uint64_t id);
/// `table`: Delivery, Notification
std::string place(Table table, const ObjectKey& object, const NodeKey& node);
std::string place(EntryTable table, const std::vector<std::string>& parts);
std::string place_of_small_data(const BlobId& id);

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
