#include "kernel/security/secret_box.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>

#include "edgesync/sdk/codec.h"
#include "edgesync/sdk/error.h"

namespace edgesync::security {
namespace {

constexpr char kMark = '\1';
constexpr char kSealed = 's';
constexpr char kPlain = 'p';
constexpr std::size_t kKeySize = 32;
constexpr std::size_t kNonceSize = 12;
constexpr std::size_t kTagSize = 16;
constexpr std::size_t kLargestFile = 4096;

struct FreeContext {
    void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using ContextPtr = std::unique_ptr<EVP_CIPHER_CTX, FreeContext>;

const unsigned char* octets(const std::string& text) { return reinterpret_cast<const unsigned char*>(text.data()); }
unsigned char* octets(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

void require(bool is_done) {
    if (!is_done) throw Error(ErrorKind::Internal, "A secret cannot be encrypted");
}

std::optional<std::string> from_hex(const std::string& text) {
    if (text.size() != 2 * kKeySize || text.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos) return std::nullopt;
    std::string result;
    for (std::size_t i = 0; i < text.size(); i += 2) result.push_back(static_cast<char>(std::stoi(text.substr(i, 2), nullptr, 16)));
    return result;
}

std::string key_from(const std::string& file) {
    if (file.size() == kKeySize) return file;
    const std::string text = file.substr(0, file.find_last_not_of(" \t\r\n") + 1);
    if (auto key = from_hex(text)) return *key;
    if (auto key = codec::base64_decode(text); key && key->size() == kKeySize) return *key;
    throw Error(ErrorKind::InvalidRequest, "it must hold 32 octets, or their Base64, or their 64 hexadecimal digits");
}

/// The octets of nonce, ciphertext and tag; empty: the text is too short, or not Base64.
std::string sealed_octets(const std::string& stored) {
    auto result = codec::base64_decode(std::string_view(stored).substr(2));
    if (!result || result->size() < kNonceSize + kTagSize) return "";
    return std::move(*result);
}

}  // namespace

SecretBox::SecretBox(const std::string& key) : key_(key_from(key)) {}

SecretBox SecretBox::from_settings(const Settings& settings, Log& log) {
    const std::filesystem::path given(settings.text("OrgSecretKeyFile"));
    if (given.empty()) return {};
    const std::string path = given.is_absolute() ? given.string() : (settings.persistence_root() / given).string();
    struct stat status {};
    std::ifstream file(path, std::ios::binary);
    if (!file || ::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode))
        throw Error(ErrorKind::InvalidRequest, "OrgSecretKeyFile " + path + " is not a file that can be read");
    if ((status.st_mode & 077U) != 0)
        log.log(LogLevel::Warning, "OrgSecretKeyFile " + path + " can be used by others than its owner: chmod 600 it");
    std::string text(kLargestFile, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(file.gcount()));
    try {
        SecretBox box(text);
        wipe(text);
        return box;
    } catch (const Error& error) {
        throw Error(ErrorKind::InvalidRequest, "OrgSecretKeyFile " + path + " cannot be used: " + error.what());
    }
}

bool SecretBox::is_sealed(const std::string& stored) const {
    return stored.empty() || (stored.size() > 1 && stored[0] == kMark && stored[1] == kSealed);
}

std::string SecretBox::seal(const std::string& secret, const std::string& owner) const {
    if (secret.empty()) return "";
    if (!has_key()) return secret.front() == kMark ? std::string{kMark, kPlain} + secret : secret;
    std::string nonce(kNonceSize, '\0');
    std::string cipher(secret.size(), '\0');
    std::string tag(kTagSize, '\0');
    const ContextPtr context(EVP_CIPHER_CTX_new());
    int length = 0;
    require(context && RAND_bytes(octets(nonce), static_cast<int>(kNonceSize)) == 1);
    require(EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, octets(key_.text()), octets(nonce)) == 1);
    require(EVP_EncryptUpdate(context.get(), nullptr, &length, octets(owner), static_cast<int>(owner.size())) == 1);
    require(EVP_EncryptUpdate(context.get(), octets(cipher), &length, octets(secret), static_cast<int>(secret.size())) == 1);
    require(EVP_EncryptFinal_ex(context.get(), octets(cipher) + length, &length) == 1);
    require(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, static_cast<int>(kTagSize), tag.data()) == 1);
    return std::string{kMark, kSealed} + codec::base64_encode(nonce + cipher + tag);
}

SecretText SecretBox::open(const std::string& stored, const std::string& owner) const {
    if (stored.size() < 2 || stored[0] != kMark) return SecretText(stored);
    if (stored[1] != kSealed) return SecretText(stored.substr(2));
    if (!has_key()) throw Error(ErrorKind::Corrupt, "A stored secret is encrypted and OrgSecretKeyFile is not set");
    const std::string sealed = sealed_octets(stored);
    std::string tag = sealed.empty() ? "" : sealed.substr(sealed.size() - kTagSize);
    const std::string cipher = sealed.empty() ? "" : sealed.substr(kNonceSize, sealed.size() - kNonceSize - kTagSize);
    std::string plain(cipher.size(), '\0');
    const ContextPtr context(EVP_CIPHER_CTX_new());
    int length = 0;
    const bool is_genuine =
        context && !sealed.empty() &&
        EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, octets(key_.text()), octets(sealed)) == 1 &&
        EVP_DecryptUpdate(context.get(), nullptr, &length, octets(owner), static_cast<int>(owner.size())) == 1 &&
        EVP_DecryptUpdate(context.get(), octets(plain), &length, octets(cipher), static_cast<int>(cipher.size())) == 1 &&
        EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, static_cast<int>(kTagSize), tag.data()) == 1 &&
        EVP_DecryptFinal_ex(context.get(), octets(plain) + length, &length) == 1;
    SecretText result(std::move(plain));
    if (!is_genuine) throw Error(ErrorKind::Corrupt, "A stored secret does not open with the key of OrgSecretKeyFile");
    return result;
}

}  // namespace edgesync::security
