// One request on its way through a handler.
#pragma once

#include <memory>
#include <optional>

#include "edgesync/sdk/http.h"
#include "edgesync/sdk/store.h"
#include "kernel/api/answers.h"
#include "kernel/api/context.h"
#include "kernel/api/path.h"
#include "kernel/api/routes.h"
#include "kernel/security/access.h"

namespace edgesync::api {

/// What all handlers share. Immutable, thread-safe.
struct Environment {
    const ApiContext& context;
    security::Access access;
};

struct Call {
    HttpRequest request;
    Reply reply;
    security::Identity identity;
    ObjectPath path;                    ///< Of requests about objects.
    const RouteEntry* route = nullptr;  ///< Set before a handler is called with it.

    const ObjectKey& key() const { return path.key; }
};

/// Shared, because an operation's end may outlive the handler's frame.
using CallPtr = std::shared_ptr<Call>;

/// Whether the caller may see this object (null: there is none), and the answer if not. `refused` is the answer for callers who see
/// public objects only.
std::optional<HttpResponse> check_readable(const Environment& environment, const Call& call, const ObjectRecord* object,
                                           HttpResponse (*refused)() = unauthorized);

}  // namespace edgesync::api
