#include "kernel/plugins/shared_object.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <string_view>

namespace edgesync::plugins {
namespace {

constexpr std::uint64_t kMostSections = 4096;
constexpr std::uint64_t kLongestNames = 1024 * 1024;
constexpr std::uint64_t kLongestTable = 64 * 1024 * 1024;
constexpr char kDamaged[] = "it is a truncated or damaged shared object";

std::uint16_t own_machine() {
#if defined(__x86_64__)
    return EM_X86_64;
#elif defined(__aarch64__)
    return EM_AARCH64;
#else
    return EM_NONE;  // Not compared; the system's loader refuses foreign files.
#endif
}

/// The text at `offset` of a section of texts; empty outside of it.
std::string_view text_at(const std::vector<char>& texts, std::uint64_t offset) {
    if (offset >= texts.size()) return {};
    return {texts.data() + offset, ::strnlen(texts.data() + offset, texts.size() - offset)};
}

}  // namespace

SharedObject::SharedObject(const std::filesystem::path& path)
    // Not blocking, so that a FIFO with the name of a plugin cannot stop the start.
    : descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
    if (descriptor_ < 0) throw NotAPlugin{std::string("it cannot be opened: ") + std::strerror(errno)};
    try {
        struct stat status {};
        if (::fstat(descriptor_, &status) != 0 || !S_ISREG(status.st_mode)) throw NotAPlugin{"it is not a regular file"};
        size_ = static_cast<std::uint64_t>(status.st_size);
        read_sections();
    } catch (...) {
        ::close(descriptor_);
        throw;
    }
}

SharedObject::~SharedObject() { ::close(descriptor_); }

void SharedObject::read(std::uint64_t offset, void* out, std::uint64_t length) const {
    if (offset > size_ || length > size_ - offset) throw NotAPlugin{kDamaged};
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

Elf64_Ehdr SharedObject::read_header() const {
    Elf64_Ehdr header{};
    char magic[SELFMAG] = {};
    if (size_ >= sizeof magic) read(0, magic, sizeof magic);
    if (std::memcmp(magic, ELFMAG, SELFMAG) != 0) throw NotAPlugin{"it is not a shared object"};
    read(0, &header, sizeof header);
    constexpr auto kOwnOrder = std::endian::native == std::endian::little ? ELFDATA2LSB : ELFDATA2MSB;
    const bool is_foreign = header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != kOwnOrder ||
                            (own_machine() != EM_NONE && header.e_machine != own_machine());
    if (is_foreign) throw NotAPlugin{"it is a shared object for another machine"};
    if (header.e_type != ET_DYN) throw NotAPlugin{"it is an ELF file, but not a shared object"};
    return header;
}

void SharedObject::read_sections() {
    const Elf64_Ehdr header = read_header();
    if (header.e_shnum == 0) throw NotAPlugin{"it has no section table, so its .note.edgesync cannot be found"};
    if (header.e_shentsize != sizeof(Elf64_Shdr) || header.e_shnum > kMostSections || header.e_shstrndx >= header.e_shnum) {
        throw NotAPlugin{kDamaged};
    }
    sections_.resize(header.e_shnum);
    read(header.e_shoff, sections_.data(), sections_.size() * sizeof(Elf64_Shdr));
    names_ = read(sections_[header.e_shstrndx], kLongestNames);
}

const Elf64_Shdr* SharedObject::find(const char* name) const {
    for (const auto& section : sections_) {
        if (text_at(names_, section.sh_name) == name) return &section;
    }
    return nullptr;
}

std::vector<char> SharedObject::read(const Elf64_Shdr& section, std::uint64_t longest) const {
    if (section.sh_type == SHT_NOBITS || section.sh_size > std::min(longest, size_)) throw NotAPlugin{kDamaged};
    std::vector<char> octets(section.sh_size);
    read(section.sh_offset, octets.data(), octets.size());
    return octets;
}

/// Asks `is_it` about each item of the section of that type, of which a shared object has one, with the texts that the items name by
/// offsets.
template <typename Item, typename IsIt>
bool SharedObject::has(std::uint32_t section_type, const IsIt& is_it) const {
    const auto section = std::find_if(sections_.begin(), sections_.end(), [&](const auto& one) { return one.sh_type == section_type; });
    if (section == sections_.end()) return false;
    if (section->sh_link >= sections_.size()) throw NotAPlugin{kDamaged};
    const auto texts = read(sections_[section->sh_link], kLongestTable);
    const auto octets = read(*section, kLongestTable);
    for (std::size_t at = 0; at + sizeof(Item) <= octets.size(); at += sizeof(Item)) {
        Item item;
        std::memcpy(&item, octets.data() + at, sizeof item);
        if (is_it(item, texts)) return true;
    }
    return false;
}

bool SharedObject::shares_the_cxx_library() const {
    const auto is_needed_library = [](const Elf64_Dyn& entry, const std::vector<char>& texts) {
        return entry.d_tag == DT_NEEDED && text_at(texts, entry.d_un.d_val).starts_with("libstdc++.so");
    };
    // What every class with virtual functions refers to.
    const auto is_lacking_symbol = [](const Elf64_Sym& symbol, const std::vector<char>& texts) {
        return symbol.st_shndx == SHN_UNDEF && text_at(texts, symbol.st_name).starts_with("_ZTVN10__cxxabiv1");
    };
    return has<Elf64_Dyn>(SHT_DYNAMIC, is_needed_library) || has<Elf64_Sym>(SHT_DYNSYM, is_lacking_symbol);
}

}  // namespace edgesync::plugins
