#include "blob_name.h"

#include <cstring>

namespace edgesync::durable {
namespace {

constexpr char kDigits[] = "0123456789abcdef";

}  // namespace

std::string name_of(const BlobId& id) {
    std::string text;
    for (const std::uint8_t octet : id.bytes) text += folder_of(octet);
    return text;
}

std::optional<BlobId> blob_named(const std::string& name) {
    BlobId id;
    if (name.size() != id.bytes.size() * 2) return std::nullopt;
    for (std::size_t i = 0; i < name.size(); ++i) {
        const char* digit = std::strchr(kDigits, name[i]);
        if (digit == nullptr || *digit == '\0') return std::nullopt;
        id.bytes[i / 2] = static_cast<std::uint8_t>((id.bytes[i / 2] << 4U) | static_cast<std::uint8_t>(digit - kDigits));
    }
    return id;
}

std::string folder_of(std::uint8_t number) { return {kDigits[number >> 4U], kDigits[number & 15U]}; }

std::string folder_of(const BlobId& id) { return folder_of(id.bytes.back()); }

std::filesystem::path path_of(const BlobId& id) { return std::filesystem::path(folder_of(id)) / name_of(id); }

}  // namespace edgesync::durable
