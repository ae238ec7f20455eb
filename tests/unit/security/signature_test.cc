#include "kernel/security/signature.h"

#include <gtest/gtest.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <cstring>
#include <memory>

#include "edgesync/sdk/codec.h"

namespace edgesync::security {
namespace {

class Signer {
public:
    explicit Signer(EVP_PKEY* key) : key_(key, EVP_PKEY_free) {}

    std::string public_key() const {
        unsigned char* der = nullptr;
        const int length = i2d_PUBKEY(key_.get(), &der);
        std::string octets(reinterpret_cast<char*>(der), static_cast<std::size_t>(length));
        OPENSSL_free(der);
        return codec::base64_encode(octets);
    }

    std::string sign(const std::string& data, const EVP_MD* digest, int salt_length) const {
        const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
        EVP_PKEY_CTX* parameters = nullptr;
        EVP_DigestSignInit(context.get(), &parameters, digest, nullptr, key_.get());
        EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING);
        EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, salt_length);
        std::size_t length = 0;
        EVP_DigestSign(context.get(), nullptr, &length, reinterpret_cast<const unsigned char*>(data.data()), data.size());
        std::string octets(length, '\0');
        EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(octets.data()), &length,
                       reinterpret_cast<const unsigned char*>(data.data()), data.size());
        octets.resize(length);
        return codec::base64_encode(octets);
    }

private:
    std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key_;
};

OctetReader reader_of(const std::string& data) {
    return [&data](std::int64_t offset, std::span<std::byte> out) {
        const auto at = static_cast<std::size_t>(offset);
        if (at >= data.size()) return std::size_t{0};
        const std::size_t count = std::min({out.size(), data.size() - at, std::size_t{1000}});
        std::memcpy(out.data(), data.data() + at, count);
        return count;
    };
}

const std::string kData(5003, 'x');

TEST(Signature, IsAcceptedForEveryDigestAndSaltLength) {
    const Signer signer(EVP_RSA_gen(2048));
    for (const auto& [name, digest] : {std::pair{"SHA1", EVP_sha1()}, std::pair{"SHA256", EVP_sha256()}}) {
        for (const int salt : {0, 20, RSA_PSS_SALTLEN_DIGEST, RSA_PSS_SALTLEN_MAX}) {
            const auto result = verify(name, signer.public_key(), signer.sign(kData, digest, salt), reader_of(kData));
            EXPECT_TRUE(result) << name << " " << salt << ": " << result.problem;
        }
    }
}

TEST(Signature, IsRefusedForOtherDataKeyOrDigest) {
    const Signer signer(EVP_RSA_gen(2048));
    const Signer stranger(EVP_RSA_gen(2048));
    const std::string signature = signer.sign(kData, EVP_sha256(), RSA_PSS_SALTLEN_DIGEST);
    const std::string other(5004, 'x');
    EXPECT_FALSE(verify("SHA256", signer.public_key(), signature, reader_of(other)));
    EXPECT_FALSE(verify("SHA256", stranger.public_key(), signature, reader_of(kData)));
    EXPECT_FALSE(verify("SHA1", signer.public_key(), signature, reader_of(kData)));
    EXPECT_FALSE(verify("MD5", signer.public_key(), signature, reader_of(kData)));
}

TEST(Signature, FailsForAKeyThatIsNotRsa) {
    const Signer signer(EVP_EC_gen("P-256"));
    const auto result = verify("SHA256", signer.public_key(), codec::base64_encode("signature"), reader_of(kData));
    EXPECT_FALSE(result);
    EXPECT_EQ(result.problem, "Failed to parse public key, Error: it is not an RSA key");
}

TEST(Signature, FailsForUnusableText) {
    const Signer signer(EVP_RSA_gen(2048));
    EXPECT_FALSE(verify("SHA256", "AAAA", codec::base64_encode("signature"), reader_of(kData)));
    EXPECT_FALSE(verify("SHA256", "?", codec::base64_encode("signature"), reader_of(kData)));
    EXPECT_FALSE(verify("SHA256", signer.public_key(), "?", reader_of(kData)));
    EXPECT_FALSE(verify("SHA256", signer.public_key(), "", reader_of(kData)));
}

TEST(Signature, IsNeededWhenAllThreeFieldsAreGiven) {
    Metadata meta;
    EXPECT_FALSE(needs_signature_check(meta));
    meta.public_key = "k";
    meta.signature = "s";
    EXPECT_FALSE(needs_signature_check(meta));
    meta.hash_algorithm = "SHA1";
    EXPECT_TRUE(needs_signature_check(meta));
}

}  // namespace
}  // namespace edgesync::security
