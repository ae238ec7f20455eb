// Which index entries a record has. Changing a record removes and adds only those that differ.
#pragma once

#include <compare>
#include <string>
#include <vector>

#include "edgesync/sdk/store.h"
#include "environment.h"

namespace edgesync::lmdb {

/// The entry's value is always the primary key of the record that it leads to.
struct IndexEntry {
    Table table;
    std::string key;
    auto operator<=>(const IndexEntry&) const = default;
};

std::vector<IndexEntry> entries_of(const ObjectRecord& record);
std::vector<IndexEntry> entries_of(const NotificationRecord& record);
std::vector<IndexEntry> entries_of(const DestinationRecord& record);
std::vector<IndexEntry> entries_of(const BlobRecord& record);
std::vector<IndexEntry> entries_of(const WorkItem& record);

/// Beginnings of the keys in the Addressed table under which an object that addresses the node may stand.
std::vector<std::string> addressed_prefixes(const NodeKey& node);
/// Beginning of the keys in the Updated table; `is_received`: objects that all expected applications have received.
std::string updated_prefix(const std::string& org, const std::string& type, bool is_received);

}  // namespace edgesync::lmdb
