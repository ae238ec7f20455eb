// Reads the ELF note that EDGESYNC_PLUGIN puts into a plugin, so that a file is judged before any of its code runs.
#pragma once

#include <variant>

#include "kernel/plugins/plugin_identity.h"
#include "kernel/plugins/shared_object.h"

namespace edgesync::plugins {

/// Opens regular files only; reads a bounded number of bounded pieces and trusts no offset of the file.
std::variant<PluginIdentity, NotAPlugin> read_plugin_note(const std::filesystem::path& file);

}  // namespace edgesync::plugins
