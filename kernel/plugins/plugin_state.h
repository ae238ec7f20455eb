// What is known of one plugin while it runs, for the health report.
#pragma once

#include <string>

#include "edgesync/sdk/plugin.h"

namespace edgesync::plugins {

struct PluginState {
    PluginKind kind = PluginKind::Store;
    std::string name;
    std::string version;
    bool hangs = false;   ///< A call has not come back for longer than PluginWatchdogTime.
    std::string problem;  ///< A sentence for operators; empty: none.
};

}  // namespace edgesync::plugins
