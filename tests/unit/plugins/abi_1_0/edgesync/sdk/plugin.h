// The one symbol a plugin exports, and the life cycle that every plugin shares.
#pragma once

#include <cstdint>
#include <vector>

#include "edgesync/sdk/error.h"
#include "edgesync/sdk/log.h"
#include "edgesync/sdk/settings.h"

namespace edgesync {

inline constexpr std::uint32_t kAbiMajor = 1;
inline constexpr std::uint32_t kAbiMinor = 0;
inline constexpr std::uint32_t kPluginMagic = 0x45535031;  // "ESP1"
inline constexpr char kDescriptorSymbol[] = "edgesync_plugin_descriptor";

/// What changes the layout of SDK types: compiler family and major version, standard library and its string ABI.
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
#define EDGESYNC_TOOLCHAIN_TAG                                                                                          \
    "itanium-cxx/libstdc++" EDGESYNC_STRINGIZE(_GLIBCXX_RELEASE) "-cxx11abi" EDGESYNC_STRINGIZE(_GLIBCXX_USE_CXX11_ABI) \
        EDGESYNC_STDLIB_MODE_

/// Created once per process by the loader, never destroyed before the process ends its work. All calls come from one
/// kernel thread, in the order configure, (kind-specific start), drain, stop.
class Plugin {
public:
    virtual ~Plugin() = default;
    /// The keys this plugin reads; called before `configure`, must not fail. Not required to be connected to anything.
    virtual std::vector<SettingDeclaration> declare_settings() const { return {}; }
    /// Checks settings. `settings` and `log` outlive the plugin. @throws Error{InvalidRequest}, one line per problem.
    virtual void configure(const Settings& settings, Log& log) = 0;
};

enum class PluginKind : std::uint32_t { Transport = 1, Store = 2 };

/// Plain data with C linkage, read before anything of the plugin is called. Fields are only ever added at the end.
struct PluginDescriptor {
    std::uint32_t magic;
    std::uint32_t size;  ///< sizeof(PluginDescriptor) of the plugin's SDK.
    std::uint32_t abi_major;
    std::uint32_t abi_minor;
    const char* toolchain;  ///< EDGESYNC_TOOLCHAIN_TAG
    PluginKind kind;
    const char* name;     ///< "lmdb" for libstore-lmdb.so; must match the file name.
    const char* version;  ///< The plugin's own, "1.2.3".
    /// Returns a new Store or Transport (as `Plugin*`, convertible by the kind); the loader owns it. May throw.
    Plugin* (*create)();
};

}  // namespace edgesync

/// Defines the descriptor, as an exported symbol and as an ELF note ".note.edgesync" so that a file can be judged without
/// loading it. Use once, at namespace scope, in one source file: EDGESYNC_PLUGIN(Store, "lmdb", "1.0.0", LmdbStore);
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
