// Whom a session believes to be its broker, and as whom it shows itself.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "session_options.h"

namespace edgesync::mqtt_session {

/// Immutable, thread-safe.
class BrokerTrust {
public:
    /// Reads the files. @throws Error{InvalidRequest} naming what cannot be used.
    BrokerTrust(const TlsOptions& options, bool allows_private);

    /// Judges what a peer has shown in a handshake with `host` (a name or an address): chain, host, pins. Empty: it is the broker.
    std::string problem_of(X509_STORE_CTX* shown, const std::string& host) const;
    /// Whether an address may be spoken to.
    bool allows(const std::string& numeric_address) const;
    /// Gives this node's certificate to a handshake whose peer asks for one. True if there is one and it could be used.
    bool identify(SSL* ssl) const;
    bool accepts_anybody() const { return allow_invalid_ && pinned_.empty(); }

private:
    struct Free {
        void operator()(X509_STORE* store) const { X509_STORE_free(store); }
        void operator()(X509* certificate) const { X509_free(certificate); }
        void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
        void operator()(STACK_OF(X509) * chain) const { sk_X509_pop_free(chain, X509_free); }
    };

    void load_roots(const TlsOptions& options);
    void load_identity(const TlsOptions& options);
    std::string verify(X509_STORE_CTX* shown, const std::string& host) const;

    const bool allow_invalid_;
    const bool allows_private_;
    const PinnedCertificates pinned_;
    std::unique_ptr<X509_STORE, Free> roots_;
    std::unique_ptr<X509, Free> certificate_;
    std::unique_ptr<EVP_PKEY, Free> key_;
    std::unique_ptr<STACK_OF(X509), Free> chain_;
};

}  // namespace edgesync::mqtt_session
