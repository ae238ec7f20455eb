// What {words} in settings and in commands of the kit stand for.
#pragma once

#include <filesystem>
#include <string>

#include "edgesync/sdk/object.h"

namespace edgesync::conformance {

/// Whom a setting is for.
struct Place {
    std::filesystem::path folder;  ///< Of the node; of the test for a store.
    NodeKey node{};                ///< Empty for a store.
};

/// {folder}: the folder. {shared}: a folder that all nodes of a test see. {test}: a name of letters and digits that is the folder's alone.
/// {org}, {type}, {id}: the node. {port} and {port:NAME}: a free port on the loopback interface, in one test always the same for a name.
std::string fill_in(std::string text, const Place& place);

/// The port that {port:NAME} stands for ({port}: "").
int port_of(const std::string& name);

/// Whether something listens on the port.
bool is_listening(int port);

}  // namespace edgesync::conformance
