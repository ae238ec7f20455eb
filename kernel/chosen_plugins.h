// The plugins that a configuration chooses, from their names to objects that a node can be made of.
#pragma once

#include <string>
#include <vector>

#include "kernel/config/configuration.h"
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

}  // namespace edgesync
