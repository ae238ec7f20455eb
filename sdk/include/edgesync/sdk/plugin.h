/// @file
/// The one symbol a plugin exports, and the life cycle that every plugin shares.
#pragma once

#include <cstdint>
#include <vector>

#include "edgesync/sdk/error.h"
#include "edgesync/sdk/log.h"
#include "edgesync/sdk/settings.h"

namespace edgesync {

/// Version of the interface between kernel and plugins. A plugin of another major version is refused. When each of the two numbers is
/// raised: docs/plugin-compatibility.md.
inline constexpr std::uint32_t kAbiMajor = 1;
/// Raised when functions or fields are added at the end; a plugin whose minor version is above the kernel's is refused.
inline constexpr std::uint32_t kAbiMinor = 1;
/// First field of every descriptor: "ESP1".
inline constexpr std::uint32_t kPluginMagic = 0x45535031;
/// Name of the one symbol that a plugin exports.
inline constexpr char kDescriptorSymbol[] = "edgesync_plugin_descriptor";

/// @cond
#define EDGESYNC_STRINGIZE_(x) #x
#define EDGESYNC_STRINGIZE(x) EDGESYNC_STRINGIZE_(x)
#if defined(__clang__)
#define EDGESYNC_COMPILER_ "clang"
#else
#define EDGESYNC_COMPILER_ "gcc"
#endif
#if defined(_GLIBCXX_DEBUG)
#define EDGESYNC_STDLIB_MODE_ "-debug"
#else
#define EDGESYNC_STDLIB_MODE_ ""
#endif
/// @endcond
/// What changes the layout of SDK types: C++ ABI, standard library with its version, string ABI and debug mode. Must be the kernel's own.
#define EDGESYNC_TOOLCHAIN_TAG                                                                                          \
    "itanium-cxx/libstdc++" EDGESYNC_STRINGIZE(_GLIBCXX_RELEASE) "-cxx11abi" EDGESYNC_STRINGIZE(_GLIBCXX_USE_CXX11_ABI) \
        EDGESYNC_STDLIB_MODE_

/// Created by the loader for every start of the node, asked what settings it has, and configured. With `-check`, and when the start
/// fails, it is destroyed without more; else it runs until the node stops, and is destroyed after that. A node that restarts itself
/// (`POST /shutdown?restart=true`) gets a new object in the same process, from the same loaded library: static variables keep their values.
/// The calls of the life cycle come from one thread, the main one: declare_settings, configure, open or start, drain and stop, or close.
class Plugin {
public:
    virtual ~Plugin() = default;
    /// The keys this plugin reads; called before `configure`, must neither fail nor touch files or the network.
    virtual std::vector<SettingDeclaration> declare_settings() const { return {}; }
    /// Checks settings, also for `-check`: no threads or connections yet, nothing written. `settings` and `log` outlive the plugin.
    /// @throws Error{InvalidRequest}, one line per problem, all problems at once: the start of the node stops.
    virtual void configure(const Settings& settings, Log& log) = 0;
};

/// What a plugin is. Numbers are in files; never renumber.
enum class PluginKind : std::uint32_t {
    Transport = 1,  ///< Derives from Transport; libtransport-NAME.so.
    Store = 2,      ///< Derives from Store; libstore-NAME.so.
};

/// Plain data with C linkage, read before anything of the plugin is called. Fields are only ever added at the end.
struct PluginDescriptor {
    std::uint32_t magic;      ///< kPluginMagic
    std::uint32_t size;       ///< sizeof(PluginDescriptor) of the plugin's SDK.
    std::uint32_t abi_major;  ///< kAbiMajor of the plugin's SDK.
    std::uint32_t abi_minor;  ///< kAbiMinor of the plugin's SDK.
    const char* toolchain;    ///< EDGESYNC_TOOLCHAIN_TAG
    PluginKind kind;          ///< Must match the file name.
    const char* name;         ///< "lmdb" for libstore-lmdb.so; must match the file name.
    const char* version;      ///< The plugin's own, "1.2.3"; never compared.
    /// Returns a new Store or Transport (as `Plugin*`, convertible by the kind); the loader owns it. May throw a `std::exception`.
    Plugin* (*create)();
};

}  // namespace edgesync

/// Defines the descriptor, as an exported symbol and as an ELF note ".note.edgesync" so that a file can be judged without
/// loading it. Use once, at global namespace scope, in one source file: EDGESYNC_PLUGIN(Store, "lmdb", "1.0.0", LmdbStore); `KIND` is Store
/// or Transport, `NAME` (a-z, 0-9, '-' and '_', at most 63) is that of the file, and `CLASS` has a constructor without arguments that does
/// next to nothing.
#define EDGESYNC_PLUGIN(KIND, NAME, VERSION, CLASS)                                                                       \
    static ::edgesync::Plugin* edgesync_create_plugin() { return new CLASS(); }                                           \
    extern "C" {                                                                                                          \
    EDGESYNC_EXPORT extern const ::edgesync::PluginDescriptor edgesync_plugin_descriptor;                                 \
    const ::edgesync::PluginDescriptor edgesync_plugin_descriptor = {::edgesync::kPluginMagic,                            \
                                                                     sizeof(::edgesync::PluginDescriptor),                \
                                                                     ::edgesync::kAbiMajor,                               \
                                                                     ::edgesync::kAbiMinor,                               \
                                                                     EDGESYNC_TOOLCHAIN_TAG,                              \
                                                                     ::edgesync::PluginKind::KIND,                        \
                                                                     NAME,                                                \
                                                                     VERSION,                                             \
                                                                     &edgesync_create_plugin};                            \
    }                                                                                                                     \
    struct edgesync_note_type {                                                                                           \
        std::uint32_t namesz, descsz, type;                                                                               \
        char name[12];                                                                                                    \
        std::uint32_t abi_major, abi_minor, kind;                                                                         \
        char toolchain[64];                                                                                               \
        char plugin[64];                                                                                                  \
    };                                                                                                                    \
    __attribute__((section(".note.edgesync"), used, aligned(4))) static const edgesync_note_type edgesync_plugin_note = { \
        9,                                                                                                                \
        sizeof(edgesync_note_type) - 24,                                                                                  \
        1,                                                                                                                \
        "edgesync",                                                                                                       \
        ::edgesync::kAbiMajor,                                                                                            \
        ::edgesync::kAbiMinor,                                                                                            \
        static_cast<std::uint32_t>(::edgesync::PluginKind::KIND),                                                         \
        EDGESYNC_TOOLCHAIN_TAG,                                                                                           \
        NAME}
