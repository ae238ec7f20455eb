// One loaded plugin file.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "kernel/plugins/plugin_identity.h"

namespace edgesync::plugins {

/// Loads `file` (RTLD_NOW, RTLD_LOCAL), whose note was accepted, for the rest of the process's life and returns its descriptor
/// after checking it again. @throws NotAPlugin (plugin_note.h)
const PluginDescriptor& load_library(const std::filesystem::path& file, const Expectation& needed);

/// Calls the plugin's factory; whatever it throws becomes the reason. @throws NotAPlugin
std::unique_ptr<Plugin> create_plugin(const PluginDescriptor& descriptor);

/// The plugin's own version; "unknown" if it names none.
std::string version_of(const PluginDescriptor& descriptor);

}  // namespace edgesync::plugins
