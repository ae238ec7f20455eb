#include "kernel/plugins/plugin_note.h"

#include <algorithm>
#include <cstring>

namespace edgesync::plugins {
namespace {

constexpr std::uint64_t kLongestNotes = 64 * 1024;
constexpr char kNoteName[] = "edgesync";
constexpr std::uint32_t kNoteType = 1;

/// The description of the note, as EDGESYNC_PLUGIN lays it out.
struct NoteDescription {
    std::uint32_t abi_major, abi_minor, kind;
    char toolchain[64];
    char plugin[64];
};

std::string text_of(const char* text, std::size_t capacity) { return {text, ::strnlen(text, capacity)}; }

constexpr std::size_t aligned(std::size_t size) { return (size + 3) & ~std::size_t{3}; }

/// Walks the notes of one section to ours.
std::optional<PluginIdentity> identity_in(const std::vector<char>& notes) {
    std::size_t at = 0;
    while (notes.size() - at >= sizeof(Elf64_Nhdr)) {
        Elf64_Nhdr note;
        std::memcpy(&note, notes.data() + at, sizeof note);
        const auto name_at = at + sizeof note;
        const auto left = notes.size() - name_at;
        if (note.n_namesz > left || aligned(note.n_namesz) > left || note.n_descsz > left - aligned(note.n_namesz)) return std::nullopt;
        const auto description_at = name_at + aligned(note.n_namesz);
        const bool is_ours = note.n_type == kNoteType && note.n_namesz == sizeof kNoteName &&
                             std::memcmp(notes.data() + name_at, kNoteName, sizeof kNoteName) == 0;
        if (is_ours && note.n_descsz >= sizeof(NoteDescription)) {
            NoteDescription found;
            std::memcpy(&found, notes.data() + description_at, sizeof found);
            return PluginIdentity{found.abi_major, found.abi_minor, static_cast<PluginKind>(found.kind),
                                  text_of(found.toolchain, sizeof found.toolchain), text_of(found.plugin, sizeof found.plugin)};
        }
        at = std::min(description_at + aligned(note.n_descsz), notes.size());
    }
    return std::nullopt;
}

}  // namespace

std::variant<PluginIdentity, NotAPlugin> read_plugin_note(const std::filesystem::path& path) {
    try {
        const SharedObject file(path);
        const Elf64_Shdr* notes = file.find(".note.edgesync");
        if (notes == nullptr) return NotAPlugin{"it has no .note.edgesync section; a plugin is built with EDGESYNC_PLUGIN"};
        auto identity = identity_in(file.read(*notes, kLongestNotes));
        if (!identity) return NotAPlugin{"its .note.edgesync section cannot be understood"};
        identity->has_own_cxx_library = !file.shares_the_cxx_library();
        return *std::move(identity);
    } catch (const NotAPlugin& refusal) {
        return refusal;
    }
}

}  // namespace edgesync::plugins
