#include "tests/system/certificate.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <array>
#include <memory>
#include <stdexcept>

namespace edgesync::system_test {
namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using X509Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
using Memory = std::unique_ptr<BIO, decltype(&BIO_free)>;

void add_extension(X509* certificate, int kind, const char* value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value);
    if (extension == nullptr) throw std::runtime_error("cannot make a certificate extension");
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

std::string text_of(BIO* memory) {
    char* octets = nullptr;
    const long size = BIO_get_mem_data(memory, &octets);
    return {octets, static_cast<std::size_t>(size)};
}

Certificate text_of(X509* certificate, EVP_PKEY* key) {
    const Memory certificate_text(BIO_new(BIO_s_mem()), BIO_free);
    const Memory key_text(BIO_new(BIO_s_mem()), BIO_free);
    PEM_write_bio_X509(certificate_text.get(), certificate);
    PEM_write_bio_PrivateKey(key_text.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
    return {text_of(certificate_text.get()), text_of(key_text.get())};
}

X509Certificate read_certificate(const std::string& text) {
    const Memory memory(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), BIO_free);
    return {PEM_read_bio_X509(memory.get(), nullptr, nullptr, nullptr), X509_free};
}

Key read_key(const std::string& text) {
    const Memory memory(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), BIO_free);
    return {PEM_read_bio_PrivateKey(memory.get(), nullptr, nullptr, nullptr), EVP_PKEY_free};
}

/// Not yet issued or signed.
X509Certificate begin_certificate(const std::string& common_name, EVP_PKEY* key, int serial) {
    X509Certificate certificate(X509_new(), X509_free);
    X509_set_version(certificate.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -60);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
    X509_set_pubkey(certificate.get(), key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(common_name.c_str()), -1, -1, 0);
    return certificate;
}

/// Self-signed, its own CA; `names` may be empty.
Certificate self_signed(const std::string& common_name, EVP_PKEY* key, const std::string& names) {
    const auto certificate = begin_certificate(common_name, key, 1);
    X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate.get()));
    add_extension(certificate.get(), NID_basic_constraints, "critical,CA:TRUE");
    if (!names.empty()) add_extension(certificate.get(), NID_subject_alt_name, names.c_str());
    X509_sign(certificate.get(), key, EVP_sha256());
    return text_of(certificate.get(), key);
}

}  // namespace

Certificate make_certificate() {
    const Key key(EVP_RSA_gen(2048), EVP_PKEY_free);
    return self_signed("localhost", key.get(), "DNS:localhost,IP:127.0.0.1");
}

Certificate make_authority(const std::string& common_name) {
    const Key key(EVP_EC_gen("P-256"), EVP_PKEY_free);
    return self_signed(common_name, key.get(), "");
}

Certificate issue_certificate(const Certificate& authority, const std::string& common_name, const std::string& names) {
    const Key key(EVP_EC_gen("P-256"), EVP_PKEY_free);
    const auto certificate = begin_certificate(common_name, key.get(), 2);
    const auto issuer = read_certificate(authority.certificate);
    const auto issuer_key = read_key(authority.key);
    X509_set_issuer_name(certificate.get(), X509_get_subject_name(issuer.get()));
    add_extension(certificate.get(), NID_basic_constraints, "critical,CA:FALSE");
    add_extension(certificate.get(), NID_ext_key_usage, names.empty() ? "clientAuth" : "serverAuth");
    if (!names.empty()) add_extension(certificate.get(), NID_subject_alt_name, names.c_str());
    X509_sign(certificate.get(), issuer_key.get(), EVP_sha256());
    return text_of(certificate.get(), key.get());
}

std::string fingerprint(const Certificate& certificate) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int size = 0;
    X509_digest(read_certificate(certificate.certificate).get(), EVP_sha256(), digest.data(), &size);
    std::string out;
    for (unsigned int i = 0; i < size; ++i) {
        constexpr char kDigits[] = "0123456789abcdef";
        out += {kDigits[digest[i] >> 4], kDigits[digest[i] & 15]};
    }
    return out;
}

}  // namespace edgesync::system_test
