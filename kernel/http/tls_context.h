// The server's side of TLS: certificate, key and what is negotiated. Internal to this room.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "kernel/http/byte_stream.h"

namespace edgesync::http {

/// Thread-safe once made. TLS 1.2 and 1.3, forward-secret ciphers, resumption by tickets, no client certificates, HTTP/1.1 by ALPN.
class TlsContext {
public:
    /// Each is PEM text (it contains "-----BEGIN") or the path of a PEM file; the certificate may be followed by its chain.
    /// @throws Error{InvalidRequest} naming the file and the reason, when they cannot be read or do not belong together.
    TlsContext(const std::string& certificate, const std::string& key);

    SslPtr make_session() const;

private:
    struct ContextFree {
        void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
    };
    std::unique_ptr<SSL_CTX, ContextFree> context_;
};

}  // namespace edgesync::http
