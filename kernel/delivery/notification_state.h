// The state machine of the exchange about one object with one peer, as a table (object model 5.2, 5.3; node protocol 7.1).
#pragma once

#include <optional>
#include <vector>

#include "edgesync/sdk/message.h"
#include "edgesync/sdk/object.h"

namespace edgesync::delivery {

/// One row: in any of `from`, `command` leads to `to` and sets the destination's delivery status.
struct Transition {
    Command command;
    std::vector<NotificationStatus> from;
    std::optional<NotificationStatus> to;    ///< nullopt: the record goes.
    std::optional<DeliveryStatus> delivery;  ///< nullopt: unchanged.
};

/// Every transition caused by a peer's message about an existing record of the same instance.
const std::vector<Transition>& transitions();

/// The row for a record in `status` that gets `command`; nullptr: the message is ignored.
const Transition* find_transition(NotificationStatus status, Command command);

/// Records that stand for a message which their peer, if it can be reached unasked, has not answered yet.
bool is_to_be_sent(NotificationStatus status);

/// Records whose meaning ends with the version they announce; a newer version of the object makes them void.
bool is_bound_to_version(NotificationStatus status);

}  // namespace edgesync::delivery
