// In which lists of a store a record stands: what every store must agree on, so that it is here and not in each of them (store.h).
#pragma once

#include <cstdint>
#include <vector>

#include "edgesync/sdk/object.h"
#include "edgesync/sdk/store.h"

namespace edgesync {

/// Whether `count_own_objects` counts it: NotReady, Ready, Verifying, VerificationFailed.
bool is_own_object(ObjectStatus status) noexcept;

/// What `updated_objects` does with an object.
enum class UpdatedList : std::uint8_t {
    None = 0,
    News = 1,   ///< It is listed: CompletelyReceived, ObjDeleted.
    Known = 2,  ///< It is listed if received ones are asked for: ObjReceived.
};
UpdatedList updated_list_of(const ObjectRecord& record) noexcept;

/// Under which nodes `objects_addressed_to` finds an object; an empty type or id stands for any. Sorted, each once; empty unless it is a
/// sender's without a policy.
std::vector<NodeKey> addresses_of(const ObjectRecord& record);
/// Those that reach the node: an object that has one of them is addressed to it. Sorted.
std::vector<NodeKey> addresses_reaching(const NodeKey& node);

/// The list that a notification stands in besides those of its object and its peer.
enum class NotificationList : std::uint8_t {
    None = 0,
    Pending = 1,   ///< `pending_notifications`
    Due = 2,       ///< `due_notifications`
    Transfer = 3,  ///< `transfers`
};
NotificationList list_of(NotificationStatus status) noexcept;

}  // namespace edgesync
