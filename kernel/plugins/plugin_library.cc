#include "kernel/plugins/plugin_library.h"

#include <boost/dll/shared_library.hpp>
#include <cstring>
#include <mutex>
#include <vector>

#include "kernel/plugins/plugin_note.h"

namespace edgesync::plugins {
namespace {

/// Boost.DLL wraps what the system's loader said; only that part tells an operator which library is missing.
std::string system_reason(const std::string& message) {
    constexpr std::string_view kMark = "dlerror system message: ";
    const auto mark = message.find(kMark);
    if (mark == std::string::npos) return message;
    const auto begin = mark + kMark.size();
    return message.substr(begin, message.rfind(')') - begin);
}

/// Keeps every library for ever: objects, threads and static data of a plugin may be in use until the very end.
boost::dll::shared_library& keep(boost::dll::shared_library library) {
    static std::mutex mutex;
    static auto* const kept = new std::vector<std::unique_ptr<boost::dll::shared_library>>;
    const std::scoped_lock lock(mutex);
    kept->push_back(std::make_unique<boost::dll::shared_library>(std::move(library)));
    return *kept->back();
}

boost::dll::shared_library& open_library(const std::filesystem::path& file) {
    using boost::dll::load_mode::rtld_local;
    using boost::dll::load_mode::rtld_now;
    try {
        return keep(boost::dll::shared_library(file, rtld_now | rtld_local));
    } catch (const std::exception& failure) {
        throw NotAPlugin{"it cannot be loaded: " + printable(system_reason(failure.what()))};
    }
}

std::string text_of(const char* text) { return text == nullptr ? "" : std::string(text, ::strnlen(text, 256)); }

}  // namespace

const PluginDescriptor& load_library(const std::filesystem::path& file, const Expectation& needed) {
    auto& library = open_library(file);
    if (!library.has(kDescriptorSymbol)) throw NotAPlugin{std::string("it does not export ") + kDescriptorSymbol};
    const auto& descriptor = library.get<const PluginDescriptor>(kDescriptorSymbol);
    if (descriptor.magic != kPluginMagic || descriptor.size < sizeof(PluginDescriptor) || descriptor.create == nullptr) {
        throw NotAPlugin{std::string("its ") + kDescriptorSymbol + " is damaged"};
    }
    const PluginIdentity found{descriptor.abi_major, descriptor.abi_minor, descriptor.kind, text_of(descriptor.toolchain),
                               text_of(descriptor.name)};
    if (const auto reason = why_refused(found, needed)) throw NotAPlugin{*reason};
    return descriptor;
}

std::unique_ptr<Plugin> create_plugin(const PluginDescriptor& descriptor) {
    std::unique_ptr<Plugin> plugin;
    try {
        plugin.reset(descriptor.create());
    } catch (const std::exception& failure) {
        throw NotAPlugin{"it failed to create its object: " + printable(failure.what())};
    } catch (...) {
        throw NotAPlugin{"it failed to create its object, with an exception of an unknown type"};
    }
    if (!plugin) throw NotAPlugin{"it created no object"};
    return plugin;
}

std::string version_of(const PluginDescriptor& descriptor) {
    std::string version = printable(text_of(descriptor.version));
    return version.empty() ? "unknown" : version;
}

}  // namespace edgesync::plugins
