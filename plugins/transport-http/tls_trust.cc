#include "tls_trust.h"

#include <Poco/Exception.h>
#include <Poco/Net/NetSSL.h>
#include <Poco/Net/X509Certificate.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <array>
#include <sstream>

#include "edgesync/sdk/error.h"

namespace edgesync::transport_http {
namespace {

constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE-----";
constexpr int kChainLength = 9;

void add_text(Poco::Net::Context& context, const std::string& text) {
    std::size_t at = text.find(kBegin);
    if (at == std::string::npos) throw Poco::InvalidArgumentException("there is no certificate in the text");
    while (at != std::string::npos) {
        const std::size_t next = text.find(kBegin, at + 1);
        std::istringstream one(text.substr(at, next == std::string::npos ? next : next - at));
        context.addCertificateAuthority(Poco::Net::X509Certificate(one));
        at = next;
    }
}

/// OpenSSL compares during the handshake, addresses included; Poco's own comparison knows only names.
void require_host(Poco::Net::Context& context, const std::string& host) {
    X509_VERIFY_PARAM* param = SSL_CTX_get0_param(context.sslContext());
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (X509_VERIFY_PARAM_set1_ip_asc(param, host.c_str()) != 1 && X509_VERIFY_PARAM_set1_host(param, host.c_str(), host.size()) != 1)
        throw Poco::InvalidArgumentException("the host " + host + " cannot be checked");
    context.enableExtendedCertificateVerification(false);
}

/// The number under which OpenSSL knows our reason, so that the failed handshake is reported with it.
int pinning_errors() {
    static const int library = [] {
        const int number = ERR_get_next_error_library();
        static std::array<ERR_STRING_DATA, 2> texts{};
        texts[0] = {ERR_PACK(number, 0, 1), PinnedCertificates::kMismatch};
        ERR_load_strings(number, texts.data());
        return number;
    }();
    return library;
}

bool has_pinned(STACK_OF(X509) * chain, const PinnedCertificates& pinned) {
    for (int i = 0; i < sk_X509_num(chain); ++i) {
        std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
        unsigned int size = 0;
        if (X509_digest(sk_X509_value(chain, i), EVP_sha256(), digest.data(), &size) != 1) continue;
        if (pinned.contains({reinterpret_cast<const char*>(digest.data()), size})) return true;
    }
    return false;
}

/// Looks at what was verified, not at what the peer sent: it may send certificates that belong to nothing.
int verify_with_pins(X509_STORE_CTX* store, void* pinned) {
    const int verified = X509_verify_cert(store);
    if (verified != 1) return verified;
    if (has_pinned(X509_STORE_CTX_get0_chain(store), *static_cast<const PinnedCertificates*>(pinned))) return 1;
    ERR_raise(pinning_errors(), 1);
    X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
    return 0;
}

/// Lives as long as the sessions that ask for its pins.
class TrustContext : public Poco::Net::Context {
public:
    TrustContext(const std::string& ca_file, bool has_system_roots, const PinnedCertificates& pinned)
        : Poco::Net::Context(TLS_CLIENT_USE, "", "", ca_file, VERIFY_STRICT, kChainLength, has_system_roots), pinned_(pinned) {
        if (!pinned_.empty()) SSL_CTX_set_cert_verify_callback(sslContext(), verify_with_pins, &pinned_);
    }

private:
    PinnedCertificates pinned_;
};

}  // namespace

bool is_pem_text(const std::string& value) { return value.find("-----BEGIN") != std::string::npos; }

Poco::Net::Context::Ptr make_trust(const std::string& ca, const std::string& host, const PinnedCertificates& pinned) {
    Poco::Net::initializeSSL();
    try {
        const bool is_text = is_pem_text(ca);
        Poco::Net::Context::Ptr context = new TrustContext(is_text ? "" : ca, ca.empty(), pinned);
        context->requireMinimumProtocol(Poco::Net::Context::PROTO_TLSV1_2);
        if (is_text) add_text(*context, ca);
        require_host(*context, host);
        return context;
    } catch (const Poco::Exception& error) {
        throw Error(ErrorKind::InvalidRequest, "HTTPCSSCACertificate cannot be used: " + error.displayText());
    }
}

}  // namespace edgesync::transport_http
