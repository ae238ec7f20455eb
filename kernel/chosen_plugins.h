// The plugins that a configuration chooses, from their names to objects that a node can be made of.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kernel/config/configuration.h"
#include "kernel/node/node.h"
#include "kernel/ops/named_log.h"
#include "kernel/plugins/plugin_loader.h"
#include "kernel/plugins/watchdog.h"

namespace edgesync {

struct NamedTransport {
    std::string name;  ///< "http"
    plugins::Loaded<Transport> loaded;
};

struct LoadedPlugins {
    plugins::Loaded<Store> store;
    std::vector<NamedTransport> transports;
};

/// Longest time that a call into a plugin may last unremarked; 0: any.
std::chrono::seconds watchdog_time(const config::Configuration& configuration);

/// Loads them and declares their keys; `log` gets a line about one that hangs. @throws Error with a line for each that cannot be used.
LoadedPlugins load_plugins(config::Configuration& configuration, const plugins::PluginLoader& loader, Log& log);

/// What a node is made of. The logs outlive the plugins.
struct ConfiguredPlugins {
    std::vector<std::unique_ptr<ops::NamedLog>> logs;
    std::unique_ptr<Store> store;
    std::vector<node::LoadedTransport> transports;
};

/// Behind the watches of `watchdog` from now on. All arguments outlive the result. @throws Error with all that the plugins have against
/// their settings.
ConfiguredPlugins configure_plugins(const config::Configuration& configuration, Log& log, plugins::Watchdog& watchdog,
                                    LoadedPlugins loaded);

}  // namespace edgesync
