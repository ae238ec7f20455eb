#include "kernel/security/secret_hash.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <array>
#include <charconv>
#include <optional>

#include "edgesync/sdk/codec.h"
#include "edgesync/sdk/error.h"

namespace edgesync::security {
namespace {

constexpr std::string_view kScheme = "pbkdf2-sha256";
constexpr int kIterations = 100000;
constexpr int kFewestIterations = 1000;
constexpr int kMostIterations = 1000000;
constexpr std::size_t kSaltSize = 16;
constexpr std::size_t kShortestSalt = 8;

using Hash = std::array<unsigned char, 32>;

struct Parsed {
    int iterations = 0;
    std::string salt;
    std::string hash;
};

std::optional<Parsed> parse(std::string_view text) {
    std::array<std::string_view, 4> parts;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const auto end = i + 1 < parts.size() ? text.find('$') : text.size();
        if (end == std::string_view::npos) return std::nullopt;
        parts.at(i) = text.substr(0, end);
        text.remove_prefix(std::min(text.size(), end + 1));
    }
    Parsed parsed;
    const auto [rest, error] = std::from_chars(parts[1].data(), parts[1].data() + parts[1].size(), parsed.iterations);
    const bool is_number = error == std::errc() && rest == parts[1].data() + parts[1].size();
    const auto salt = codec::base64_decode(parts[2]);
    const auto hash = codec::base64_decode(parts[3]);
    if (parts[0] != kScheme || !is_number || !salt || !hash) return std::nullopt;
    if (parsed.iterations < kFewestIterations || parsed.iterations > kMostIterations) return std::nullopt;
    if (salt->size() < kShortestSalt || hash->size() != Hash().size()) return std::nullopt;
    parsed.salt = *salt;
    parsed.hash = *hash;
    return parsed;
}

Hash derive(std::string_view secret, const std::string& salt, int iterations) {
    Hash hash{};
    const int done = PKCS5_PBKDF2_HMAC(secret.data(), static_cast<int>(secret.size()), reinterpret_cast<const unsigned char*>(salt.data()),
                                       static_cast<int>(salt.size()), iterations, EVP_sha256(), static_cast<int>(hash.size()), hash.data());
    if (done != 1) throw Error(ErrorKind::Internal, "Cannot hash a secret");
    return hash;
}

std::string_view view(const Hash& hash) { return {reinterpret_cast<const char*>(hash.data()), hash.size()}; }

}  // namespace

bool equal_secrets(std::string_view a, std::string_view b) {
    // Of their digests, so that the length does not show either.
    Hash left{};
    Hash right{};
    SHA256(reinterpret_cast<const unsigned char*>(a.data()), a.size(), left.data());
    SHA256(reinterpret_cast<const unsigned char*>(b.data()), b.size(), right.data());
    return CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

std::string hash_secret(std::string_view secret) {
    std::string salt(kSaltSize, '\0');
    if (RAND_bytes(reinterpret_cast<unsigned char*>(salt.data()), static_cast<int>(salt.size())) != 1)
        throw Error(ErrorKind::Internal, "Cannot get random numbers");
    const Hash hash = derive(secret, salt, kIterations);
    return std::string(kScheme) + "$" + std::to_string(kIterations) + "$" + codec::base64_encode(salt) + "$" +
           codec::base64_encode(view(hash));
}

bool is_secret_hash(const std::string& text) { return parse(text).has_value(); }

bool matches_hash(std::string_view secret, const std::string& text) {
    const auto parsed = parse(text);
    return parsed && equal_secrets(view(derive(secret, parsed->salt, parsed->iterations)), parsed->hash);
}

}  // namespace edgesync::security
