// The node behind a request of the node protocol (security 3).
#pragma once

#include <optional>

#include "edgesync/sdk/object.h"
#include "kernel/security/acl.h"
#include "kernel/security/authenticator.h"

namespace edgesync::security {

/// Header of node requests: "org/destType/destID".
inline constexpr char kDestinationHeader[] = "X-Sync-Service-Dest";

/// The node that the credentials and the header name together; nullopt: refused (403).
std::optional<NodeKey> node_identity(Authenticator& authenticator, const HttpRequest& request, const AclLookup& acls = NoAcls());

}  // namespace edgesync::security
