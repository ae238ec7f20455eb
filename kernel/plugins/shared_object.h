// The sections of an ELF file, read without loading it.
#pragma once

#include <elf.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace edgesync::plugins {

/// Why a file is no plugin, as the end of a sentence that begins with its name.
struct NotAPlugin {
    std::string reason;
};

/// Opens regular files only; reads bounded pieces and trusts no offset of the file. For one thread. All throw NotAPlugin.
class SharedObject {
public:
    /// Refuses what is no shared object of this machine.
    explicit SharedObject(const std::filesystem::path& path);
    SharedObject(const SharedObject&) = delete;
    SharedObject& operator=(const SharedObject&) = delete;
    ~SharedObject();

    const std::vector<Elf64_Shdr>& sections() const { return sections_; }
    /// Null: none has that name.
    const Elf64_Shdr* find(const char* name) const;
    /// Its octets; refuses more than `longest`.
    std::vector<char> read(const Elf64_Shdr& section, std::uint64_t longest) const;

    /// Whether the C++ library is the one of the process, as for whatever throws across its boundary it must be: the file has it among
    /// the libraries that it needs, or lacks functions of it.
    bool shares_the_cxx_library() const;

private:
    void read(std::uint64_t offset, void* out, std::uint64_t length) const;
    Elf64_Ehdr read_header() const;
    void read_sections();
    template <typename Item, typename IsIt>
    bool has(std::uint32_t section_type, const IsIt& is_it) const;

    int descriptor_;
    std::uint64_t size_ = 0;
    std::vector<Elf64_Shdr> sections_;
    std::vector<char> names_;
};

}  // namespace edgesync::plugins
