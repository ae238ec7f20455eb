// Lets our rules decide the TLS handshakes that the Paho library makes. The library has no hook for them: it can be told a file with
// roots, but neither pins nor which address may be spoken to. OpenSSL, however, tells whoever asks about every new SSL_CTX of the process
// (the constructor of an extra-data index), and that is where a verification can be put in. So:
//   - Paho is told to require a valid certificate and given nothing to trust: without the guard no handshake succeeds.
//   - The guard's verification finds the handshake's broker by the name and port that it goes to and lets its BrokerTrust decide, on the
//     very connection, before credentials are sent.
//   - Handshakes of others in the process are verified exactly as without it; whoever sets a verification of his own replaces it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "broker_trust.h"

namespace edgesync::mqtt_session {

/// While it lives, handshakes of this process with `host`:`port` are decided by `trust`; if several guards are for the same broker, by all
/// of them. Thread-safe.
class HandshakeGuard {
public:
    /// @throws Error{Internal} if OpenSSL does not take the hook.
    HandshakeGuard(const std::string& host, std::uint16_t port, std::shared_ptr<const BrokerTrust> trust);
    ~HandshakeGuard();
    HandshakeGuard(const HandshakeGuard&) = delete;
    HandshakeGuard& operator=(const HandshakeGuard&) = delete;

    /// Why the last handshake was refused; empty: none was.
    std::string problem() const;

    struct Entry;

private:
    std::shared_ptr<Entry> entry_;
};

/// What Paho is told as the folder of the roots that it trusts: there is nothing in it.
inline constexpr char kTrustNothing[] = "/nonexistent/trust-nothing";

}  // namespace edgesync::mqtt_session
