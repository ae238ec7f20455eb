// Paths below /api/v1: which resource they name and whether their parts are valid (rest-api 1.1 to 1.4).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "edgesync/sdk/http.h"
#include "edgesync/sdk/object.h"
#include "edgesync/sdk/settings.h"

namespace edgesync::api {

enum class Resource { Objects, Destinations, Security, Organizations, Resend, Shutdown, Health, Unknown };

struct Route {
    Resource resource = Resource::Unknown;
    std::string_view rest;  ///< What follows the prefix, raw, without its leading '/'. Points into the path.
};

Route route_of(std::string_view raw_path, NodeRole role);

/// Text after "/api/v1/objects/".
struct ObjectPath {
    enum class Level { Organization, Type, Object, Operation };
    Level level = Level::Organization;
    ObjectKey key;          ///< Parts that the level does not have are empty. ESS: the org is the node's own.
    std::string operation;  ///< In lower case.
};

/// Fills `path`; the answer if it names nothing valid.
std::optional<HttpResponse> parse_object_path(std::string_view rest, NodeRole role, const std::string& own_org, ObjectPath& path);

/// Segments of a path's rest, decoded; one trailing empty segment is dropped. nullopt: 400.
std::optional<std::vector<std::string>> parse_segments(std::string_view rest);

/// A Boolean query parameter; absent and empty are nullopt. @throws Error{InvalidRequest} for anything that is no Boolean
std::optional<bool> boolean_parameter(const HttpRequest& request, std::string_view name);

}  // namespace edgesync::api
