#include "kernel/chosen_plugins.h"

#include "kernel/plugins/last_words.h"

namespace edgesync {

std::chrono::seconds watchdog_time(const config::Configuration& configuration) {
    return std::chrono::seconds(configuration.integer("PluginWatchdogTime"));
}

LoadedPlugins load_plugins(config::Configuration& configuration, const plugins::PluginLoader& loader, Log& log) {
    plugins::Watchdog watchdog(log, watchdog_time(configuration));
    LoadedPlugins loaded;
    std::string problems;
    const auto attempt = [&](PluginKind kind, const std::string& name, const auto& load) {
        plugins::CallWatch& calls = watchdog.add(kind, name, "");
        try {
            const Plugin* plugin = plugins::watched(calls, "loading", load);
            configuration.declare(plugins::watched(calls, "declare_settings", [&] { return plugin->declare_settings(); }), calls.label());
        } catch (const Error& error) {
            problems += (problems.empty() ? "" : "\n") + std::string(error.what());
        }
    };
    attempt(PluginKind::Store, configuration.store_plugin(), [&] {
        loaded.store = loader.load_store(configuration.store_plugin());
        return loaded.store.plugin.get();
    });
    for (const auto& name : configuration.transport_plugins()) {
        attempt(PluginKind::Transport, name, [&] {
            loaded.transports.push_back({name, loader.load_transport(name)});
            return loaded.transports.back().loaded.plugin.get();
        });
    }
    plugins::have_last_words_first();
    if (!problems.empty()) throw Error(ErrorKind::InvalidRequest, problems);
    configuration.finish();
    return loaded;
}

}  // namespace edgesync
