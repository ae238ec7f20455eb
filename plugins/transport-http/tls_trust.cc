#include "tls_trust.h"

#include <Poco/Exception.h>
#include <Poco/Net/NetSSL.h>
#include <Poco/Net/X509Certificate.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

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

}  // namespace

bool is_pem_text(const std::string& value) { return value.find("-----BEGIN") != std::string::npos; }

Poco::Net::Context::Ptr make_trust(const std::string& ca, const std::string& host) {
    Poco::Net::initializeSSL();
    try {
        const bool is_text = is_pem_text(ca);
        Poco::Net::Context::Ptr context = new Poco::Net::Context(Poco::Net::Context::TLS_CLIENT_USE, "", "", is_text ? "" : ca,
                                                                 Poco::Net::Context::VERIFY_STRICT, kChainLength, ca.empty());
        context->requireMinimumProtocol(Poco::Net::Context::PROTO_TLSV1_2);
        if (is_text) add_text(*context, ca);
        require_host(*context, host);
        return context;
    } catch (const Poco::Exception& error) {
        throw Error(ErrorKind::InvalidRequest, "HTTPCSSCACertificate cannot be used: " + error.displayText());
    }
}

}  // namespace edgesync::transport_http
