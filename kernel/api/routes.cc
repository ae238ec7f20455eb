#include "kernel/api/routes.h"

#include <algorithm>
#include <array>

namespace edgesync::api {
namespace {

constexpr std::string_view kNone;

constexpr RouteEntry on(Resource resource, std::string_view css, std::string_view ess, const char* methods) {
    const std::string_view path = css.empty() ? ess : css;
    const auto slashes = static_cast<std::size_t>(std::count(path.begin(), path.end(), '/'));
    const std::string_view last = path.substr(path.rfind('/') + 1);
    return {resource, css, ess, methods, slashes - 1, slashes > 1 && last.front() != '{' ? last : std::string_view()};
}

constexpr RouteEntry on_both(Resource resource, std::string_view path, const char* methods) { return on(resource, path, path, methods); }

constexpr std::array kRoutes = {
    on(Resource::Objects, "/objects/{orgID}", kNone, "GET"),
    on(Resource::Objects, "/objects/{orgID}/{objectType}", "/objects/{objectType}", "GET, PUT"),
    on(Resource::Objects, "/objects/{orgID}/{objectType}/{objectID}", "/objects/{objectType}/{objectID}", "GET, PUT, DELETE"),
    on(Resource::Objects, "/objects/{orgID}/{objectType}/{objectID}/status", "/objects/{objectType}/{objectID}/status", "GET"),
    on(Resource::Objects, "/objects/{orgID}/{objectType}/{objectID}/data", "/objects/{objectType}/{objectID}/data", "GET, PUT"),
    on(Resource::Objects, "/objects/{orgID}/{objectType}/{objectID}/destinations", "/objects/{objectType}/{objectID}/destinations",
       "GET, PUT, POST"),
    on(Resource::Objects, "/objects/{orgID}/{objectType}/{objectID}/consumed", "/objects/{objectType}/{objectID}/consumed", "PUT"),
    on(Resource::Objects, "/objects/{orgID}/{objectType}/{objectID}/received", "/objects/{objectType}/{objectID}/received", "PUT"),
    on(Resource::Objects, "/objects/{orgID}/{objectType}/{objectID}/deleted", "/objects/{objectType}/{objectID}/deleted", "PUT"),
    on(Resource::Objects, "/objects/{orgID}/{objectType}/{objectID}/activate", "/objects/{objectType}/{objectID}/activate", "PUT"),
    on(Resource::Objects, "/objects/{orgID}/{objectType}/{objectID}/policyreceived", "/objects/{objectType}/{objectID}/policyreceived",
       "PUT"),
    on(Resource::Destinations, kNone, "/destinations", "GET"),
    on(Resource::Destinations, "/destinations/{orgID}", kNone, "GET"),
    on(Resource::Destinations, "/destinations/{orgID}/{destinationType}/{destinationID}/objects", kNone, "GET"),
    on(Resource::Security, "/security/{aclType}/{orgID}", kNone, "GET, PUT"),
    on(Resource::Security, "/security/{aclType}/{orgID}/{key}", kNone, "GET, PUT"),
    on(Resource::Security, "/security/{aclType}/{orgID}/{key}/{aclUserType}/{username}", kNone, "DELETE"),
    on_both(Resource::Organizations, "/organizations", "GET"),
    on_both(Resource::Organizations, "/organizations/{orgID}", "PUT, DELETE"),
    on_both(Resource::Resend, "/resend", "POST, PUT"),
    on_both(Resource::Shutdown, "/shutdown", "POST"),
    on_both(Resource::Health, "/health", "GET, HEAD"),
};

}  // namespace

bool RouteEntry::allows(std::string_view method) const noexcept {
    std::string_view rest = methods;
    while (!rest.empty()) {
        const std::string_view name = rest.substr(0, rest.find(','));
        if (name == method) return true;
        rest.remove_prefix(std::min(rest.size(), name.size() + 2));
    }
    return false;
}

std::span<const RouteEntry> routes() noexcept { return kRoutes; }

const RouteEntry* find_route(NodeRole role, Resource resource, std::size_t segments, std::string_view last) noexcept {
    for (const RouteEntry& entry : kRoutes) {
        if (entry.resource != resource || entry.segments != segments) continue;
        if ((role == NodeRole::Css ? entry.css : entry.ess).empty()) continue;
        if (entry.ending.empty() || entry.ending == last) return &entry;
    }
    return nullptr;
}

}  // namespace edgesync::api
