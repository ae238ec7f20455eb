#include "kernel/chosen_plugins.h"

#include "kernel/plugins/last_words.h"
#include "kernel/plugins/watched_store.h"
#include "kernel/plugins/watched_transport.h"

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
            const Plugin* plugin = plugins::watched_unlogged(calls, "loading", load);
            configuration.declare(plugins::watched_unlogged(calls, "declare_settings", [&] { return plugin->declare_settings(); }),
                                  calls.label());
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

ConfiguredPlugins configure_plugins(const config::Configuration& configuration, Log& log, plugins::Watchdog& watchdog,
                                    LoadedPlugins loaded) {
    ConfiguredPlugins configured;
    std::string problems;
    const auto configure = [&](Plugin& plugin, const std::string& label) {
        configured.logs.push_back(std::make_unique<ops::NamedLog>(log, label));
        try {
            plugin.configure(configuration, *configured.logs.back());
        } catch (const Error& error) {
            problems += (problems.empty() ? "" : "\n") + std::string(error.what());
        }
        return configured.logs.back().get();
    };
    auto& store_calls = watchdog.add(PluginKind::Store, configuration.store_plugin(), loaded.store.version);
    configured.store = std::make_unique<plugins::WatchedStore>(std::move(loaded.store.plugin), store_calls);
    configure(*configured.store, store_calls.label());
    for (auto& [name, transport] : loaded.transports) {
        auto& calls = watchdog.add(PluginKind::Transport, name, transport.version);
        auto watched = std::make_unique<plugins::WatchedTransport>(std::move(transport.plugin), calls);
        Log* const named = configure(*watched, calls.label());
        const auto watched_handler = [owner = watched.get()](HttpHandler& handler) -> HttpHandler& {
            return owner->watched_handler(handler);
        };
        configured.transports.push_back({name, std::move(watched), named, watched_handler});
    }
    if (!problems.empty()) throw Error(ErrorKind::InvalidRequest, problems);
    return configured;
}

}  // namespace edgesync
