#include "kernel/security/signature.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <vector>

#include "edgesync/sdk/codec.h"

namespace edgesync::security {
namespace {

constexpr std::size_t kWindow = 256 * 1024;

struct FreeKey {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
struct FreeContext {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

}  // namespace

struct SignatureCheck::State {
    std::unique_ptr<EVP_PKEY, FreeKey> key;
    std::unique_ptr<EVP_MD_CTX, FreeContext> context;
    std::string signature;
};

SignatureCheck::SignatureCheck(const std::string& algorithm, const std::string& public_key, const std::string& signature)
    : state_(std::make_unique<State>()) {
    const EVP_MD* digest = algorithm == "SHA1" ? EVP_sha1() : algorithm == "SHA256" ? EVP_sha256() : nullptr;
    if (digest == nullptr) {
        problem_ = "Hash Algorithm " + algorithm + " is not supported";
        return;
    }
    const auto key = codec::base64_decode(public_key);
    auto octets = codec::base64_decode(signature);
    if (!key || !octets) {
        problem_ = key ? "Signature is not base64 encoded" : "PublicKey is not base64 encoded";
        return;
    }
    state_->signature = std::move(*octets);
    const auto* der = reinterpret_cast<const unsigned char*>(key->data());
    state_->key.reset(d2i_PUBKEY(nullptr, &der, static_cast<long>(key->size())));
    if (!state_->key) {
        problem_ = "Failed to parse public key, Error: it is not a SubjectPublicKeyInfo";
    } else if (EVP_PKEY_get_base_id(state_->key.get()) != EVP_PKEY_RSA) {
        problem_ = "Failed to parse public key, Error: it is not an RSA key";
    } else {
        state_->context.reset(EVP_MD_CTX_new());
        EVP_PKEY_CTX* parameters = nullptr;
        if (EVP_DigestVerifyInit(state_->context.get(), &parameters, digest, nullptr, state_->key.get()) != 1 ||
            EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING) != 1 ||
            EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, RSA_PSS_SALTLEN_AUTO) != 1) {
            problem_ = "The public key cannot be used";
        }
    }
    ERR_clear_error();
}

SignatureCheck::~SignatureCheck() = default;

void SignatureCheck::update(std::span<const std::byte> octets) {
    if (!problem_.empty()) return;
    if (EVP_DigestVerifyUpdate(state_->context.get(), octets.data(), octets.size()) != 1) problem_ = "The data cannot be hashed";
}

SignatureResult SignatureCheck::finish() {
    if (!problem_.empty()) return {false, problem_};
    const auto* signature = reinterpret_cast<const unsigned char*>(state_->signature.data());
    const bool is_valid = EVP_DigestVerifyFinal(state_->context.get(), signature, state_->signature.size()) == 1;
    ERR_clear_error();
    return is_valid ? SignatureResult{true, ""} : SignatureResult{false, "verification error"};
}

bool needs_signature_check(const Metadata& meta) {
    return !meta.hash_algorithm.empty() && !meta.public_key.empty() && !meta.signature.empty();
}

SignatureResult verify(const std::string& algorithm, const std::string& public_key, const std::string& signature, const OctetReader& read) {
    SignatureCheck check(algorithm, public_key, signature);
    std::vector<std::byte> window(kWindow);
    for (std::int64_t offset = 0;;) {
        const std::size_t count = read(offset, window);
        if (count == 0) return check.finish();
        check.update(std::span(window).first(count));
        offset += static_cast<std::int64_t>(count);
    }
}

}  // namespace edgesync::security
