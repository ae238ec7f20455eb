// A file in a plugin folder is judged by its ELF note, whatever it holds.
#include <sys/mman.h>
#include <unistd.h>

#include "kernel/plugins/plugin_note.h"
#include "tests/fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace edgesync;
    using fuzz::require;
    const int file = ::memfd_create("plugin", MFD_CLOEXEC);
    require(file >= 0 && ::write(file, data, size) == static_cast<ssize_t>(size), "the file can be written");
    const auto verdict = plugins::read_plugin_note("/proc/self/fd/" + std::to_string(file));
    ::close(file);
    if (const auto* refusal = std::get_if<plugins::NotAPlugin>(&verdict)) {
        require(!refusal->reason.empty(), "a refusal says why");
        return 0;
    }
    const auto& identity = std::get<plugins::PluginIdentity>(verdict);
    require(identity.name.size() <= 64 && identity.toolchain.size() <= 64, "texts are bounded");
    plugins::Expectation needed;
    needed.name = "lmdb";
    if (const auto refusal = plugins::why_refused(identity, needed)) require(refusal->size() < 2000, "a refusal is a sentence");
    return 0;
}
