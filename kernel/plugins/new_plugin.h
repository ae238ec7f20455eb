// The begin of a plugin of one's own: a small project made from the template of its kind.
#pragma once

#include <filesystem>
#include <string>

#include "kernel/plugins/plugin_identity.h"

namespace edgesync::plugins {

/// share/edge-sync-service/templates beside the folder of the program, as installed and as built.
std::filesystem::path template_folder();

/// Writes the project of a plugin into `folder`, which must not exist yet; its parents are made. `templates` has a folder for each kind,
/// whose files say plugin-name, plugin_name, PluginName and PLUGIN_NAME where the name belongs. After a failure nothing is left,
/// no parent either.
/// @throws Error{InvalidRequest} a name that none can have or a plugin of the service has, a path that CMake cannot build in;
/// Error{AlreadyExists}; Error{NotFound} the template is not installed; Error{Io}
void create_plugin_project(PluginKind kind, const std::string& name, const std::filesystem::path& folder,
                           const std::filesystem::path& templates);

/// `text` as one word of a command that a person can paste into a POSIX shell: in quotes if it needs them.
std::string shell_quoted(const std::string& text);

}  // namespace edgesync::plugins
