// From the name of a plugin to a living object: finds lib<kind>-<name>.so, judges the file before any of its code runs, loads it
// and checks it again.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "edgesync/sdk/store.h"
#include "edgesync/sdk/transport.h"
#include "kernel/plugins/plugin_identity.h"

namespace edgesync::plugins {

/// A file that might be a plugin.
struct Candidate {
    std::filesystem::path file;
    bool is_usable = false;
    std::string verdict;  ///< One line without the file's name.
};

template <typename Kind>
struct Loaded {
    std::unique_ptr<Kind> plugin;
    std::string version;          ///< The plugin's own, "1.2.3", printable.
    std::uint32_t abi_minor = 0;  ///< It was built with.
};

/// For one thread. What was loaded stays in memory until the process ends, whatever becomes of the loader.
class PluginLoader {
public:
    /// `folders` in the order in which they are named in messages; none: `default_folder()`. They are all the places that code may come
    /// from: whoever names others names the default folder among them, so that no file of an installation is replaced unseen.
    explicit PluginLoader(std::vector<std::filesystem::path> folders);

    /// ../lib/edge-sync-service/plugins beside the folder of the program.
    static std::filesystem::path default_folder();

    /// Every *.so of the folders, judged by its file alone: nothing is loaded, so a missing library shows only at the start.
    std::vector<Candidate> candidates() const;
    /// The default folder, if it is there and not one of the folders.
    std::optional<std::filesystem::path> left_out() const;

    /// @throws Error{InvalidRequest} with one line: what was found, what is needed, which file. Two files of one name in the
    /// folders are refused, because which of them runs must not depend on an order somebody may change.
    Loaded<Store> load_store(const std::string& name) const;
    Loaded<Transport> load_transport(const std::string& name) const;

private:
    Loaded<Plugin> load(PluginKind kind, const std::string& name) const;
    std::filesystem::path find(PluginKind kind, const std::string& name) const;

    std::vector<std::filesystem::path> folders_;
};

}  // namespace edgesync::plugins
