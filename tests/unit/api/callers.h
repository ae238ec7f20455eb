// The identity classes of the API as credentials of the authenticator `dummy` of the fixture.
#pragma once

#include <string>
#include <string_view>

namespace edgesync::api {

/// The app key of a caller named as the class of its identity: "Failed" (no credentials), "Garbage" (unknown form), "EdgeNode", "Admin",
/// "ObjectAdmin", "User", "SyncAdmin", "Service" or "NodeUser"; of the organization acme, "User@other": of other. "User:rita" names a
/// regular user, "NodeUser:rita" a node. @throws std::invalid_argument for any other name
std::string app_key(std::string_view caller);

}  // namespace edgesync::api
