// The routes of the application API in one table: requests are matched against it, 405 answers are made of it, and the API document
// (docs/api/openapi.json) is tested to describe exactly it.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "edgesync/sdk/settings.h"
#include "kernel/api/path.h"

namespace edgesync::api {

struct RouteEntry {
    Resource resource;
    std::string_view css;     ///< Path below "/api/v1" on a CSS, "{...}" for its parameters; empty: not on a CSS.
    std::string_view ess;     ///< The same on an ESS.
    const char* methods;      ///< As the header Allow has them: "GET, PUT".
    std::size_t segments;     ///< Behind the resource, with the organization.
    std::string_view ending;  ///< The last segment if it is fixed, as "status"; else empty.

    bool allows(std::string_view method) const noexcept;
};

std::span<const RouteEntry> routes() noexcept;

/// What serves a path with `segments` segments behind its resource, of which `last` is the last one. The organization counts on an ESS,
/// too. Null: nothing does.
const RouteEntry* find_route(NodeRole role, Resource resource, std::size_t segments, std::string_view last = {}) noexcept;

}  // namespace edgesync::api
