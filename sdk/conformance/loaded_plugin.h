// Loads a plugin file as the service does: the descriptor is judged before anything of the plugin is called.
#pragma once

#include <filesystem>
#include <memory>

#include "edgesync/sdk/plugin.h"
#include "edgesync/sdk/store.h"
#include "edgesync/sdk/transport.h"

namespace edgesync::conformance {

/// Never unloaded.
class LoadedPlugin {
public:
    /// @throws std::runtime_error with one sentence that says what was found, what is needed, and the file.
    explicit LoadedPlugin(const std::filesystem::path& file);

    const PluginDescriptor& descriptor() const noexcept { return *descriptor_; }

    /// A new store. Unlike the service the suite creates several in one process, one after the other.
    /// @throws what the plugin's constructor throws; std::runtime_error if it creates something else than a store.
    std::unique_ptr<Store> create_store() const;
    /// A new transport; the suite runs one as CSS and others as ESS in one process.
    std::unique_ptr<Transport> create_transport() const;

private:
    template <typename Kind>
    std::unique_ptr<Kind> create(const char* kind) const;

    const PluginDescriptor* descriptor_;
};

/// The plugin under test. @throws as the constructor, at the first call only.
const LoadedPlugin& loaded_plugin();

}  // namespace edgesync::conformance
