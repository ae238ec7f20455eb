// Records that are the same for many nodes but for the node's name: what stands before and after it, so that the database can put them
// together without knowing the records' format.
#pragma once

#include <string>

#include "edgesync/sdk/store.h"

namespace edgesync::postgres {

struct RecordFrame {
    std::string before;
    std::string after;
};

/// `before + name_in_records(node) + after` is the encoding of the record with that node; the record's own is not looked at.
RecordFrame frame_of(DeliveryRecord record);
RecordFrame frame_of(NotificationRecord record);

std::string name_in_records(const NodeKey& node);
/// @throws Error{Corrupt}
NodeKey node_named(const std::string& name);

}  // namespace edgesync::postgres
