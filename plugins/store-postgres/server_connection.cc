#include "server_connection.h"

#include <libpq-fe.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <array>

#include "connection.h"

namespace edgesync::postgres {
namespace {

bool is_pinned(const X509* certificate, const PinnedCertificates& pins) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    if (certificate == nullptr || X509_digest(certificate, EVP_sha256(), digest.data(), &size) != 1) return false;
    return pins.contains({reinterpret_cast<const char*>(digest.data()), size});
}

/// One of the verified chain; without verification the server's own alone, because nothing says that the others are its issuers.
bool shows_pinned(SSL* tls, const PinnedCertificates& pins) {
    const bool is_verified = (SSL_get_verify_mode(tls) & SSL_VERIFY_PEER) != 0 && SSL_get_verify_result(tls) == X509_V_OK;
    const STACK_OF(X509)* chain = is_verified ? SSL_get0_verified_chain(tls) : nullptr;
    for (int i = 0; chain != nullptr && i < sk_X509_num(chain); ++i) {
        if (is_pinned(sk_X509_value(chain, i), pins)) return true;
    }
    return is_pinned(SSL_get0_peer_certificate(tls), pins);
}

}  // namespace

PinnedConnect::handle PinnedConnect::do_startconnect(handle former) {
    const handle connected = connect_direct::do_startconnect(former);
    connected_ = connected;
    if (pins_.empty() || connected == former) return connected;
    auto* const tls = static_cast<SSL*>(::PQsslStruct(connected, "OpenSSL"));
    if (tls != nullptr && shows_pinned(tls, pins_)) return connected;
    connected_ = nullptr;
    do_disconnect(connected);
    if (tls == nullptr)
        throw Refused("Cannot connect to the database: PostgresPinnedCertFingerprints needs TLS, which the connection does not use");
    throw Refused(std::string("Cannot connect to the database: its ") + PinnedCertificates::kMismatch +
                  " (PostgresPinnedCertFingerprints)");
}

// libpq takes the results of what was sent before a query by itself (PQexec).
void PinnedConnect::send(const char* statement) noexcept { ::PQsendQuery(connected_, statement); }

ServerConnection::ServerConnection(const ServerOptions& options) : connection_base(connect_), connect_(options.text, options.pins) {
    init();
}

}  // namespace edgesync::postgres
