// A plugin whose note and descriptor say what the build asks for; see the CMakeLists.txt beside.
#include <cstring>
#include <stdexcept>

#include "edgesync/sdk/plugin.h"
#include "tests/unit/plugins/broken/loaded_mark.h"

#ifndef ODD_MAJOR
#define ODD_MAJOR ::edgesync::kAbiMajor
#endif
#ifndef ODD_MINOR
#define ODD_MINOR ::edgesync::kAbiMinor
#endif
#ifndef ODD_TOOLCHAIN
#define ODD_TOOLCHAIN EDGESYNC_TOOLCHAIN_TAG
#endif
#ifndef ODD_NAME
#define ODD_NAME "odd"
#endif
#ifndef ODD_KIND
#define ODD_KIND Store
#endif
#ifndef ODD_DESCRIPTOR_MAJOR
#define ODD_DESCRIPTOR_MAJOR ODD_MAJOR
#endif
#ifndef ODD_CREATE
#define ODD_CREATE return nullptr
#endif

namespace {

class PlainPlugin : public edgesync::Plugin {
public:
    void configure(const edgesync::Settings&, edgesync::Log&) override {}
};
/// Like every real plugin it needs something of the C++ library.
[[gnu::used]] PlainPlugin plain;

[[maybe_unused]] edgesync::Plugin* create() { ODD_CREATE; }

#ifndef ODD_NO_NOTE
struct Note {
    std::uint32_t namesz, descsz, type;
    char name[12];
    std::uint32_t abi_major, abi_minor, kind;
    char toolchain[64];
    char plugin[64];
};
__attribute__((section(".note.edgesync"), used, aligned(4))) const Note kNote = {9,
                                                                                 sizeof(Note) - 24,
                                                                                 1,
                                                                                 "edgesync",
                                                                                 ODD_MAJOR,
                                                                                 ODD_MINOR,
                                                                                 static_cast<std::uint32_t>(edgesync::PluginKind::ODD_KIND),
                                                                                 ODD_TOOLCHAIN,
                                                                                 ODD_NAME};
#endif

}  // namespace

#ifndef ODD_NO_DESCRIPTOR
extern "C" {
EDGESYNC_EXPORT extern const edgesync::PluginDescriptor edgesync_plugin_descriptor;
const edgesync::PluginDescriptor edgesync_plugin_descriptor = {edgesync::kPluginMagic,
                                                               sizeof(edgesync::PluginDescriptor),
                                                               ODD_DESCRIPTOR_MAJOR,
                                                               ODD_MINOR,
                                                               ODD_TOOLCHAIN,
                                                               edgesync::PluginKind::ODD_KIND,
                                                               ODD_NAME,
                                                               "1.0.0",
                                                               &create};
}
#endif

#ifdef ODD_NEEDS_LIBRARY
extern "C" int edgesync_test_absent();
namespace {
[[maybe_unused]] const int kNeeded = edgesync_test_absent();
}
#endif
