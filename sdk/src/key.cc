#include "edgesync/sdk/key.h"

#include <openssl/evp.h>

#include <algorithm>

namespace edgesync {
namespace {

constexpr std::size_t kLongestPart = 88;
constexpr std::size_t kKeptOfLongPart = 48;

}  // namespace

Key& Key::text(std::string_view part) {
    std::string shortened;
    if (part.size() > kLongestPart) {
        shortened.assign(part.substr(0, kKeptOfLongPart));
        unsigned char digest[EVP_MAX_MD_SIZE];
        unsigned int size = 0;
        EVP_Digest(part.data(), part.size(), digest, &size, EVP_sha256(), nullptr);
        shortened.append(reinterpret_cast<const char*>(digest), size);
        part = shortened;
    }
    for (const char c : part) {
        octets_ += c;
        if (c == '\0') octets_ += '\xFF';
    }
    octets_.append(2, '\0');
    return *this;
}

Key& Key::number(std::int64_t value) { return sequence(static_cast<std::uint64_t>(value) ^ (std::uint64_t{1} << 63U)); }

Key& Key::sequence(std::uint64_t value) {
    for (unsigned int shift = 64; shift > 0; shift -= 8) octets_ += static_cast<char>(value >> (shift - 8U));
    return *this;
}

Key& Key::octet(std::uint8_t value) {
    octets_ += static_cast<char>(value);
    return *this;
}

Key& Key::raw(std::string_view octets) {
    octets_ += octets;
    return *this;
}

std::string object_key(const ObjectKey& key) { return Key().object(key).str(); }

std::string blob_key(const BlobId& id) { return {reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()}; }

BlobId blob_of(std::string_view octets) {
    BlobId id;
    std::copy_n(octets.begin(), std::min(octets.size(), id.bytes.size()), reinterpret_cast<char*>(id.bytes.data()));
    return id;
}

std::string end_of_prefix(std::string prefix) {
    while (!prefix.empty() && prefix.back() == '\xFF') prefix.pop_back();
    if (prefix.empty()) return std::string(16, '\xFF');
    prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
    return prefix;
}

std::uint64_t sequence_of(std::string_view octets) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < 8 && i < octets.size(); ++i) value = (value << 8U) | static_cast<unsigned char>(octets[i]);
    return value;
}

}  // namespace edgesync
