#include "loaded_plugin.h"

#include <dlfcn.h>

#include <stdexcept>
#include <string>

#include "options.h"
#include "rules.h"

namespace edgesync::conformance {
namespace {

void require(bool is_met, const std::filesystem::path& file, const std::string& problem) {
    if (!is_met) throw std::runtime_error(file.string() + ": " + problem);
}

void check(const PluginDescriptor& d, const std::filesystem::path& file) {
    require(d.magic == kPluginMagic, file, "the descriptor does not start with the magic number of the SDK");
    require(d.abi_major == kAbiMajor, file,
            "built for SDK ABI " + std::to_string(d.abi_major) + ", but " + std::to_string(kAbiMajor) + " is needed");
    require(d.abi_minor <= kAbiMinor, file, "built for a newer minor version of the SDK than this program");
    require(d.size >= sizeof(PluginDescriptor) || d.abi_minor < kAbiMinor, file, "the descriptor is shorter than its version says");
    require(d.toolchain && std::string(d.toolchain) == EDGESYNC_TOOLCHAIN_TAG, file,
            std::string("built with toolchain ") + (d.toolchain ? d.toolchain : "?") + ", but " + EDGESYNC_TOOLCHAIN_TAG + " is needed");
    require(d.kind == PluginKind::Store || d.kind == PluginKind::Transport, file, "the descriptor names no kind of plugin that is known");
    require(d.name && d.version && d.create, file, "the descriptor lacks name, version or factory");
    const std::string expected = std::string("lib") + word_of(d.kind) + "-" + d.name + ".so";
    require(file.filename() == expected, file, "the plugin names itself \"" + std::string(d.name) + "\", so the file must be " + expected);
}

}  // namespace

LoadedPlugin::LoadedPlugin(const std::filesystem::path& file) {
    require(std::filesystem::is_regular_file(file), file, "there is no such file");
    void* const library = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library) throw std::runtime_error(std::string("cannot load the plugin: ") + ::dlerror());
    descriptor_ = static_cast<const PluginDescriptor*>(::dlsym(library, kDescriptorSymbol));
    require(descriptor_ != nullptr, file, std::string("exports no ") + kDescriptorSymbol + "; is EDGESYNC_PLUGIN used in it?");
    check(*descriptor_, file);
}

template <typename Kind>
std::unique_ptr<Kind> LoadedPlugin::create(const char* kind) const {
    std::unique_ptr<Plugin> plugin(descriptor_->create());
    if (auto* const created = dynamic_cast<Kind*>(plugin.get())) {
        (void)plugin.release();  // The same object.
        return std::unique_ptr<Kind>(created);
    }
    throw std::runtime_error(std::string("the factory of the plugin did not create an edgesync::") + kind);
}

std::unique_ptr<Store> LoadedPlugin::create_store() const { return create<Store>("Store"); }
std::unique_ptr<Transport> LoadedPlugin::create_transport() const { return create<Transport>("Transport"); }

const LoadedPlugin& loaded_plugin() {
    static const LoadedPlugin plugin(options().plugin);
    return plugin;
}

}  // namespace edgesync::conformance
