#include "kernel/plugins/plugin_identity.h"

#include <algorithm>

namespace edgesync::plugins {
namespace {

constexpr PluginKind kKinds[] = {PluginKind::Transport, PluginKind::Store};
constexpr std::string_view kSuffix = ".so";

std::string prefix_of(PluginKind kind) { return std::string("lib") + kind_name(kind) + "-"; }

bool is_plugin_name(std::string_view name) {
    const auto is_allowed = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'; };
    return !name.empty() && name.size() <= 63 && std::all_of(name.begin(), name.end(), is_allowed);
}

}  // namespace

std::string version_text(std::uint32_t major, std::uint32_t minor) { return std::to_string(major) + "." + std::to_string(minor); }

const char* kind_name(PluginKind kind) noexcept {
    switch (kind) {
        case PluginKind::Transport: return "transport";
        case PluginKind::Store: return "store";
    }
    return "unknown";
}

std::optional<std::string> why_refused(const PluginIdentity& found, const Expectation& needed) {
    const auto abi = version_text(found.abi_major, found.abi_minor);
    const auto own_abi = version_text(needed.abi_major, needed.abi_minor);
    if (found.abi_major != needed.abi_major) {
        return "it is built for plugin ABI " + abi + ", this service needs ABI " + std::to_string(needed.abi_major) + ".x up to " +
               own_abi + "; rebuild it with the SDK of this service";
    }
    if (found.abi_minor > needed.abi_minor) {
        return "it is built for plugin ABI " + abi + ", this service offers only " + own_abi +
               "; update the service or use an older plugin";
    }
    if (found.toolchain != needed.toolchain) {
        return "it is built with toolchain '" + printable(found.toolchain) + "', this service needs '" + needed.toolchain +
               "'; rebuild it with the same compiler and standard library";
    }
    if (found.kind != needed.kind) {
        return std::string("it is a ") + kind_name(found.kind) + " plugin, but its file name says " + kind_name(needed.kind);
    }
    if (found.name != needed.name) {
        return "it calls itself '" + printable(found.name) + "', but its file name says '" + needed.name + "'; rename the file";
    }
    if (found.has_own_cxx_library) {
        return "it has a C++ library of its own (-static-libstdc++), past which no exception gets; link libstdc++.so";
    }
    return std::nullopt;
}

std::optional<PluginFileName> parse_file_name(const std::string& file_name) {
    for (const auto kind : kKinds) {
        const auto prefix = prefix_of(kind);
        if (!file_name.starts_with(prefix) || !file_name.ends_with(kSuffix)) continue;
        if (file_name.size() <= prefix.size() + kSuffix.size()) return std::nullopt;
        auto name = file_name.substr(prefix.size(), file_name.size() - prefix.size() - kSuffix.size());
        if (!is_plugin_name(name)) return std::nullopt;
        return PluginFileName{kind, std::move(name)};
    }
    return std::nullopt;
}

std::string file_name_of(PluginKind kind, const std::string& name) { return prefix_of(kind) + name + std::string(kSuffix); }

std::string printable(std::string text) {
    constexpr std::size_t kLongest = 300;
    if (text.size() > kLongest) text.replace(kLongest, std::string::npos, "...");
    for (char& c : text) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
    }
    return text;
}

}  // namespace edgesync::plugins
