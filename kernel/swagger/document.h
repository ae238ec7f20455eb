// The API document (OpenAPI 3), of which docs/api/openapi.json describes both roles of a node at once.
#pragma once

#include <string>
#include <string_view>

#include "edgesync/sdk/settings.h"

namespace edgesync::swagger {

/// What a node of `role` really serves, as a document without extensions. In `both`,
/// - a path item with `x-nodes` is on nodes of these roles alone ("CSS", "ESS");
/// - a path item with `x-ess-path` has that path on an ESS, and loses the parameter `orgID` if that path has none;
/// - `x-on-ess` in any object is a JSON merge patch (RFC 7396) of that object on an ESS.
/// @throws Error{InvalidRequest} if `both` is not JSON.
std::string document_for(NodeRole role, std::string_view both);

}  // namespace edgesync::swagger
