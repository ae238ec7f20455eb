// What a plugin file says of itself, and whether this kernel can use it.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "edgesync/sdk/plugin.h"

namespace edgesync::plugins {

/// "store" or "transport"; "unknown" for other values, which a foreign file may hold.
const char* kind_name(PluginKind kind) noexcept;

/// "1.0"
std::string version_text(std::uint32_t major, std::uint32_t minor);

struct PluginIdentity {
    std::uint32_t abi_major = 0;
    std::uint32_t abi_minor = 0;
    PluginKind kind = PluginKind::Store;
    std::string toolchain;
    std::string name;
    bool has_own_cxx_library = false;  ///< As the file shows.
};

/// The kernel's side of the comparison.
struct Expectation {
    PluginKind kind = PluginKind::Store;
    std::string name;
    std::uint32_t abi_major = kAbiMajor;
    std::uint32_t abi_minor = kAbiMinor;
    std::string toolchain = EDGESYNC_TOOLCHAIN_TAG;
};

/// Why the plugin cannot be used: what was found, what is needed, what to do; nullopt: it can. Same major version, the
/// plugin's minor version at most the kernel's, same toolchain tag, kind and name as the file name says, and the
/// kernel's C++ library.
std::optional<std::string> why_refused(const PluginIdentity& found, const Expectation& needed);

struct PluginFileName {
    PluginKind kind = PluginKind::Store;
    std::string name;
};
/// From "libstore-lmdb.so"; nullopt for names of another form.
std::optional<PluginFileName> parse_file_name(const std::string& file_name);
std::string file_name_of(PluginKind kind, const std::string& name);

/// `text` from a foreign file as it may appear in a message: control characters replaced, cut at 300 bytes.
std::string printable(std::string text);

}  // namespace edgesync::plugins
