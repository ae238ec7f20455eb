// Signs as a publisher does.
#pragma once

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

#include "edgesync/sdk/codec.h"

namespace edgesync::api {

class Signer {
public:
    Signer() : key_(EVP_RSA_gen(2048), EVP_PKEY_free) {}

    std::string public_key() const {
        unsigned char* der = nullptr;
        const int length = i2d_PUBKEY(key_.get(), &der);
        const std::string octets(reinterpret_cast<char*>(der), static_cast<std::size_t>(length));
        OPENSSL_free(der);
        return codec::base64_encode(octets);
    }

    std::string sign(const std::string& data) const {
        const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
        EVP_PKEY_CTX* parameters = nullptr;
        EVP_DigestSignInit(context.get(), &parameters, EVP_sha256(), nullptr, key_.get());
        EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING);
        std::string octets(512, '\0');
        std::size_t length = octets.size();
        EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(octets.data()), &length,
                       reinterpret_cast<const unsigned char*>(data.data()), data.size());
        return codec::base64_encode(octets.substr(0, length));
    }

    /// Members of "meta" for `data`.
    std::string meta_for(const std::string& data) const {
        return "\"hashAlgorithm\":\"SHA256\",\"publicKey\":\"" + public_key() + "\",\"signature\":\"" + sign(data) + "\"";
    }

private:
    std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key_;
};

}  // namespace edgesync::api
