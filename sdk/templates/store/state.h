// Everything that the store holds: the part to replace by the tables of your database.
#pragma once

#include <edgesync/sdk/key.h>
#include <edgesync/sdk/store.h>

#include <map>
#include <memory>
#include <string>

namespace plugin_name_store {

/// Sorted by the octets of the keys, as the lists of the contract are. FILL IN: a table of your database.
template <typename Record>
using Table = std::map<std::string, Record, std::less<>>;

/// Octets in memory. FILL IN: a file, or rows.
struct Octets;

struct Blob {
    edgesync::BlobRecord record;
    std::shared_ptr<Octets> octets;  ///< Null: they are staged, blobs.h has them.
};

/// A value: a transaction works on a copy, and commits by putting it in the place of the original.
struct State {
    Table<edgesync::ObjectRecord> objects;              ///< By org, type, id.
    Table<edgesync::DeliveryRecord> deliveries;         ///< By object and node.
    Table<edgesync::NotificationRecord> notifications;  ///< By object and peer.
    Table<edgesync::DestinationRecord> destinations;    ///< By org, type, id.
    Table<Blob> blobs;                                  ///< By id.
    Table<edgesync::Entry> entries;                     ///< By the table's number and the parts of the key.
    Table<edgesync::WorkItem> work;                     ///< By id.

    std::uint64_t last_sequence = 0;            ///< Of notifications.
    std::uint64_t last_work = 0;                ///< Of work items.
    edgesync::InstanceId last_instance_id = 0;  ///< FILL IN: must survive restarts, whatever else does.
};

inline std::string node_key(const edgesync::NodeKey& node) { return edgesync::Key().node(node).str(); }
inline std::string pair_key(const edgesync::ObjectKey& object, const edgesync::NodeKey& node) {
    return edgesync::Key().object(object).node(node).str();
}
inline std::string entry_key(edgesync::EntryTable table, const std::vector<std::string>& parts) {
    edgesync::Key key;
    key.octet(static_cast<std::uint8_t>(table));
    for (const auto& part : parts) key.text(part);
    return key.str();
}

}  // namespace plugin_name_store
