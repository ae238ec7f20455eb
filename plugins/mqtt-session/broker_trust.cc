#include "broker_trust.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "edgesync/sdk/error.h"

namespace edgesync::mqtt_session {
namespace {

/// RSA of 2048 bits or more and no SHA-1, as the distribution's own setting demands.
constexpr int kSecurityLevel = 2;
constexpr std::size_t kLargestFile = 4u << 20;

using Memory = std::unique_ptr<BIO, decltype(&BIO_free)>;

bool is_pem_text(const std::string& value) { return value.find("-----BEGIN") != std::string::npos; }

[[noreturn]] void fail(const char* what, const std::string& value, const std::string& problem) {
    const std::string file = is_pem_text(value) ? "PEM text" : value;
    throw Error(ErrorKind::InvalidRequest, std::string(what) + " (" + file + ") cannot be used: " + problem);
}

/// The PEM text that `value` is or names.
std::string text_of(const char* what, const std::string& value) {
    if (is_pem_text(value)) return value;
    std::ifstream in(value, std::ios::binary);
    if (!in) fail(what, value, "there is no such file, or it cannot be read");
    std::string text{std::istreambuf_iterator<char>(in), {}};
    if (text.size() > kLargestFile) fail(what, value, "it is larger than 4 MiB");
    return text;
}

int no_passphrase(char*, int, int, void*) { return -1; }

Memory memory_of(const std::string& text) { return {BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), BIO_free}; }

std::vector<X509*> certificates_of(const char* what, const std::string& value) {
    const std::string text = text_of(what, value);
    const Memory memory = memory_of(text);
    std::vector<X509*> out;
    while (X509* one = PEM_read_bio_X509(memory.get(), nullptr, no_passphrase, nullptr)) out.push_back(one);
    const bool is_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    if (out.empty() || !is_end) {
        for (X509* one : out) X509_free(one);
        fail(what, value, out.empty() ? "there is no certificate in it" : "a certificate in it is damaged");
    }
    return out;
}

bool is_pinned(X509* certificate, const PinnedCertificates& pinned) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int size = 0;
    if (X509_digest(certificate, EVP_sha256(), digest.data(), &size) != 1) return false;
    return pinned.contains({reinterpret_cast<const char*>(digest.data()), size});
}

bool has_pinned(STACK_OF(X509) * chain, const PinnedCertificates& pinned) {
    for (int i = 0; i < sk_X509_num(chain); ++i) {
        if (is_pinned(sk_X509_value(chain, i), pinned)) return true;
    }
    return false;
}

}  // namespace

BrokerTrust::BrokerTrust(const TlsOptions& options, bool allows_private)
    : allow_invalid_(options.allow_invalid), allows_private_(allows_private), pinned_(options.pinned), roots_(X509_STORE_new()) {
    load_roots(options);
    if (!options.certificate.empty() && !options.key.empty()) load_identity(options);
}

void BrokerTrust::load_roots(const TlsOptions& options) {
    std::error_code ignored;
    const bool is_absent = !is_pem_text(options.ca) && !std::filesystem::exists(options.ca, ignored);
    if (options.ca.empty() || (options.ca_is_optional && is_absent)) {
        X509_STORE_set_default_paths(roots_.get());
        return;
    }
    for (X509* one : certificates_of("MQTTCACertificate", options.ca)) {
        X509_STORE_add_cert(roots_.get(), one);
        X509_free(one);
    }
    // What the operator names is trusted, also when it is an intermediate authority or the broker's own certificate.
    X509_STORE_set_flags(roots_.get(), X509_V_FLAG_PARTIAL_CHAIN);
}

void BrokerTrust::load_identity(const TlsOptions& options) {
    chain_.reset(sk_X509_new_null());
    for (X509* one : certificates_of("MQTTSSLCert", options.certificate)) {
        if (certificate_ == nullptr) {
            certificate_.reset(one);
        } else {
            sk_X509_push(chain_.get(), one);
        }
    }
    const std::string text = text_of("MQTTSSLKey", options.key);
    key_.reset(PEM_read_bio_PrivateKey(memory_of(text).get(), nullptr, no_passphrase, nullptr));
    ERR_clear_error();
    if (key_ == nullptr) fail("MQTTSSLKey", options.key, "there is no private key without a passphrase in it");
    const bool is_pair = X509_check_private_key(certificate_.get(), key_.get()) == 1;
    ERR_clear_error();
    if (!is_pair) fail("MQTTSSLKey", options.key, "it does not belong to the certificate MQTTSSLCert");
}

std::string BrokerTrust::problem_of(X509_STORE_CTX* shown, const std::string& host) const {
    if (!allow_invalid_) return verify(shown, host);
    if (pinned_.empty()) return {};
    X509* leaf = X509_STORE_CTX_get0_cert(shown);
    return leaf != nullptr && is_pinned(leaf, pinned_) ? "" : PinnedCertificates::kMismatch;
}

std::string BrokerTrust::verify(X509_STORE_CTX* shown, const std::string& host) const {
    const std::unique_ptr<X509_STORE_CTX, decltype(&X509_STORE_CTX_free)> check(X509_STORE_CTX_new(), X509_STORE_CTX_free);
    if (X509_STORE_CTX_init(check.get(), roots_.get(), X509_STORE_CTX_get0_cert(shown), X509_STORE_CTX_get0_untrusted(shown)) != 1)
        return "it cannot be checked";
    X509_STORE_CTX_set_default(check.get(), "ssl_server");
    X509_VERIFY_PARAM* rules = X509_STORE_CTX_get0_param(check.get());
    X509_VERIFY_PARAM_set_auth_level(rules, kSecurityLevel);
    X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (X509_VERIFY_PARAM_set1_ip_asc(rules, host.c_str()) != 1 && X509_VERIFY_PARAM_set1_host(rules, host.c_str(), host.size()) != 1)
        return "the host cannot be checked";
    if (X509_verify_cert(check.get()) != 1) return X509_verify_cert_error_string(X509_STORE_CTX_get_error(check.get()));
    // Looks at what was verified, not at what the peer sent: it may send certificates that belong to nothing.
    if (!pinned_.empty() && !has_pinned(X509_STORE_CTX_get0_chain(check.get()), pinned_)) return PinnedCertificates::kMismatch;
    return {};
}

bool BrokerTrust::allows(const std::string& numeric_address) const { return allows_private_ || !is_private_address(numeric_address); }

bool BrokerTrust::identify(SSL* ssl) const {
    return certificate_ != nullptr && SSL_use_cert_and_key(ssl, certificate_.get(), key_.get(), chain_.get(), 1) == 1;
}

}  // namespace edgesync::mqtt_session
