#include "kernel/security/org_secrets.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>

#include "edgesync/sdk/codec.h"
#include "edgesync/sdk/error.h"

namespace edgesync::security {
namespace {

constexpr std::string_view kPrefix = "aes256gcm$";
constexpr std::size_t kNonceSize = 12;
constexpr std::size_t kTagSize = 16;
constexpr std::size_t kShortestKey = 32;

struct CipherFree {
    void operator()(EVP_CIPHER_CTX* context) const noexcept { EVP_CIPHER_CTX_free(context); }
};
using CipherPtr = std::unique_ptr<EVP_CIPHER_CTX, CipherFree>;

const unsigned char* octets(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }
unsigned char* octets(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

void require(int result) {
    if (result != 1) throw Error(ErrorKind::Internal, "Cannot encrypt a password");
}

std::string key_of(const std::string& file, Log& log) {
    std::ifstream stream(file, std::ios::binary);
    if (!stream) throw Error(ErrorKind::Io, "OrgSecretKeyFile " + file + " cannot be read: " + std::strerror(errno));
    std::ostringstream text;
    text << stream.rdbuf();
    std::string content = text.str();
    content.erase(content.find_last_not_of(" \t\r\n") + 1);
    if (content.size() < kShortestKey) {
        throw Error(ErrorKind::InvalidRequest, "OrgSecretKeyFile " + file + " has fewer than " + std::to_string(kShortestKey) +
                                                   " characters: make one with 'openssl rand -base64 32'");
    }
    struct stat status {};
    if (::stat(file.c_str(), &status) == 0 && (status.st_mode & 077U) != 0)
        log.log(LogLevel::Warning, file + " has a secret and can be used by others than its owner: chmod 600 it");
    std::string key(SHA256_DIGEST_LENGTH, '\0');
    SHA256(octets(content), content.size(), octets(key));
    return key;
}

}  // namespace

OrgSecrets::OrgSecrets(const Settings& settings, Log& log) {
    const std::string file = settings.text("OrgSecretKeyFile");
    if (!file.empty()) key_ = key_of((std::filesystem::path(settings.persistence_root()) / file).string(), log);
}

std::string OrgSecrets::seal(std::string_view org, std::string_view password) const {
    if (key_.empty() || password.empty()) return std::string(password);
    std::string sealed(kNonceSize + password.size() + kTagSize, '\0');
    unsigned char* nonce = octets(sealed);
    unsigned char* body = nonce + kNonceSize;
    require(RAND_bytes(nonce, kNonceSize));
    const CipherPtr cipher(EVP_CIPHER_CTX_new());
    require(cipher != nullptr ? 1 : 0);
    int size = 0;
    require(EVP_EncryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, octets(std::string_view(key_)), nonce));
    require(EVP_EncryptUpdate(cipher.get(), nullptr, &size, octets(org), static_cast<int>(org.size())));
    require(EVP_EncryptUpdate(cipher.get(), body, &size, octets(password), static_cast<int>(password.size())));
    require(EVP_EncryptFinal_ex(cipher.get(), body + size, &size));
    require(EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, kTagSize, body + password.size()));
    return std::string(kPrefix) + codec::base64_encode(sealed);
}

bool OrgSecrets::is_to_be_sealed(std::string_view stored) const { return !key_.empty() && !stored.empty() && !stored.starts_with(kPrefix); }

std::string OrgSecrets::open(std::string_view org, std::string_view stored) const {
    if (!stored.starts_with(kPrefix)) return std::string(stored);
    const auto sealed = codec::base64_decode(stored.substr(kPrefix.size()));
    const auto fail = [&]() -> std::string {
        throw Error(ErrorKind::Corrupt, "The broker password of " + std::string(org) +
                                            " cannot be decrypted: is OrgSecretKeyFile the file it was stored with?");
    };
    if (key_.empty() || !sealed || sealed->size() < kNonceSize + kTagSize) return fail();
    const unsigned char* nonce = octets(std::string_view(*sealed));
    std::string password(sealed->size() - kNonceSize - kTagSize, '\0');
    std::array<unsigned char, kTagSize> tag{};
    std::memcpy(tag.data(), nonce + kNonceSize + password.size(), tag.size());
    const CipherPtr cipher(EVP_CIPHER_CTX_new());
    require(cipher != nullptr ? 1 : 0);
    int size = 0;
    require(EVP_DecryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, octets(std::string_view(key_)), nonce));
    require(EVP_DecryptUpdate(cipher.get(), nullptr, &size, octets(org), static_cast<int>(org.size())));
    require(EVP_DecryptUpdate(cipher.get(), octets(password), &size, nonce + kNonceSize, static_cast<int>(password.size())));
    require(EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, kTagSize, tag.data()));
    return EVP_DecryptFinal_ex(cipher.get(), tag.data(), &size) == 1 ? password : fail();
}

}  // namespace edgesync::security
