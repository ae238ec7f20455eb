// The first look at a plugin: whether it can be tested at all.
#pragma once

#include <string>
#include <vector>

#include "edgesync/sdk/plugin.h"

namespace edgesync::conformance {

struct TryOut {
    std::string problem;  ///< Why it cannot be tested; empty: it can.
    PluginKind kind = PluginKind::Store;
    std::string name;
    std::string version;
    std::vector<std::string> undeclared;  ///< Settings that were given to a store and that it does not declare.
};

/// Loads the plugin of the options in a process of its own, gives it its settings, and opens or starts it.
TryOut try_out();

}  // namespace edgesync::conformance
