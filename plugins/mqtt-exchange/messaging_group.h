// CSS inside of the Watson IoT Platform: whose messages may come from which messaging group. Their topics do not name the organization, so
// what a message says of itself must agree with where its organization registered.
#pragma once

#include <optional>
#include <string>

#include "edgesync/sdk/message.h"

namespace edgesync::mqtt_exchange {

enum class Admission {
    Admitted,
    Remember,      ///< Admitted, once it has been noted that the organization is on this group.
    Unregistered,  ///< The organization is on no group yet: the node must register.
    Foreign,       ///< It is on another group.
};

/// Of a command that came from the group `here`; `known`: the group of its organization. A registration moves an organization, as the
/// platform does between groups.
Admission admission(const std::optional<std::string>& known, const std::string& here, Command command);

}  // namespace edgesync::mqtt_exchange
