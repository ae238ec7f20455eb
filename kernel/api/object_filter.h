// What a query over an organization's objects asks for (rest-api 3.12 and 3.13).
#pragma once

#include <functional>

#include "edgesync/sdk/http.h"
#include "edgesync/sdk/store.h"

namespace edgesync::api {

/// True for the objects that are asked for. Pure.
using ObjectFilter = std::function<bool(const ObjectRecord&)>;

/// Of `?destination_policy=true`: objects with a policy, by `since`, else `service`, else `received`; all given parameters are checked.
/// @throws Error{InvalidRequest}
ObjectFilter policy_filter(const HttpRequest& request);

/// Of `?filters=true`. Empty parameters count as absent. @throws Error{InvalidRequest}
ObjectFilter metadata_filter(const HttpRequest& request);

}  // namespace edgesync::api
