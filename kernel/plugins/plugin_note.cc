#include "kernel/plugins/plugin_note.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstring>
#include <vector>

namespace edgesync::plugins {
namespace {

constexpr std::uint64_t kMostSections = 4096;
constexpr std::uint64_t kLongestNames = 1024 * 1024;
constexpr std::uint64_t kLongestNotes = 64 * 1024;
constexpr char kSectionName[] = ".note.edgesync";
constexpr char kNoteName[] = "edgesync";
constexpr std::uint32_t kNoteType = 1;

/// The description of the note, as EDGESYNC_PLUGIN lays it out.
struct NoteDescription {
    std::uint32_t abi_major, abi_minor, kind;
    char toolchain[64];
    char plugin[64];
};

class ReadOnlyFile {
public:
    explicit ReadOnlyFile(const std::filesystem::path& path)
        // Not blocking, so that a FIFO with the name of a plugin cannot stop the start.
        : descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
        if (descriptor_ < 0) throw NotAPlugin{std::string("it cannot be opened: ") + std::strerror(errno)};
        struct stat status {};
        if (::fstat(descriptor_, &status) != 0 || !S_ISREG(status.st_mode)) {
            ::close(descriptor_);
            throw NotAPlugin{"it is not a regular file"};
        }
        size_ = static_cast<std::uint64_t>(status.st_size);
    }
    ReadOnlyFile(const ReadOnlyFile&) = delete;
    ReadOnlyFile& operator=(const ReadOnlyFile&) = delete;
    ~ReadOnlyFile() { ::close(descriptor_); }

    std::uint64_t size() const { return size_; }

    void read(std::uint64_t offset, void* out, std::uint64_t length) const {
        if (offset > size_ || length > size_ - offset) throw NotAPlugin{"it is a truncated or damaged shared object"};
        auto* to = static_cast<char*>(out);
        while (length > 0) {
            const auto count = ::pread(descriptor_, to, length, static_cast<off_t>(offset));
            if (count < 0 && errno == EINTR) continue;
            if (count <= 0) throw NotAPlugin{"it cannot be read to its end"};
            to += count;
            offset += static_cast<std::uint64_t>(count);
            length -= static_cast<std::uint64_t>(count);
        }
    }

private:
    int descriptor_;
    std::uint64_t size_ = 0;
};

std::uint16_t own_machine() {
#if defined(__x86_64__)
    return EM_X86_64;
#elif defined(__aarch64__)
    return EM_AARCH64;
#else
    return EM_NONE;  // Not compared; the system's loader refuses foreign files.
#endif
}

Elf64_Ehdr read_header(const ReadOnlyFile& file) {
    Elf64_Ehdr header{};
    char magic[SELFMAG] = {};
    if (file.size() >= sizeof magic) file.read(0, magic, sizeof magic);
    if (std::memcmp(magic, ELFMAG, SELFMAG) != 0) throw NotAPlugin{"it is not a shared object"};
    file.read(0, &header, sizeof header);
    constexpr auto kOwnOrder = std::endian::native == std::endian::little ? ELFDATA2LSB : ELFDATA2MSB;
    const bool is_foreign = header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != kOwnOrder ||
                            (own_machine() != EM_NONE && header.e_machine != own_machine());
    if (is_foreign) throw NotAPlugin{"it is a shared object for another machine"};
    if (header.e_type != ET_DYN) throw NotAPlugin{"it is an ELF file, but not a shared object"};
    return header;
}

std::vector<Elf64_Shdr> read_sections(const ReadOnlyFile& file, const Elf64_Ehdr& header) {
    if (header.e_shnum == 0) throw NotAPlugin{"it has no section table, so its .note.edgesync cannot be found"};
    if (header.e_shentsize != sizeof(Elf64_Shdr) || header.e_shnum > kMostSections || header.e_shstrndx >= header.e_shnum) {
        throw NotAPlugin{"it is a truncated or damaged shared object"};
    }
    std::vector<Elf64_Shdr> sections(header.e_shnum);
    file.read(header.e_shoff, sections.data(), sections.size() * sizeof(Elf64_Shdr));
    return sections;
}

std::vector<char> read_section(const ReadOnlyFile& file, const Elf64_Shdr& section, std::uint64_t longest) {
    if (section.sh_type == SHT_NOBITS || section.sh_size > longest) throw NotAPlugin{"it is a truncated or damaged shared object"};
    std::vector<char> octets(section.sh_size);
    file.read(section.sh_offset, octets.data(), octets.size());
    return octets;
}

std::optional<std::vector<char>> find_notes(const ReadOnlyFile& file) {
    const auto header = read_header(file);
    const auto sections = read_sections(file, header);
    auto names = read_section(file, sections[header.e_shstrndx], kLongestNames);
    names.push_back('\0');
    for (const auto& section : sections) {
        if (section.sh_name >= names.size() || std::strcmp(names.data() + section.sh_name, kSectionName) != 0) continue;
        return read_section(file, section, kLongestNotes);
    }
    return std::nullopt;
}

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
        const ReadOnlyFile file(path);
        const auto notes = find_notes(file);
        if (!notes) return NotAPlugin{"it has no .note.edgesync section; a plugin is built with EDGESYNC_PLUGIN"};
        if (auto identity = identity_in(*notes)) return *std::move(identity);
        return NotAPlugin{"its .note.edgesync section cannot be understood"};
    } catch (const NotAPlugin& refusal) {
        return refusal;
    }
}

}  // namespace edgesync::plugins
