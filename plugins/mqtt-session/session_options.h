// What one connection to a broker needs to know.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "edgesync/sdk/network_guard.h"

namespace edgesync::mqtt_session {

/// Whom a TLS connection trusts and as whom it shows itself. `ca`, `certificate` and `key`: path of a PEM file, or PEM text.
struct TlsOptions {
    std::string ca;               ///< Replaces the system's roots; empty: those.
    bool ca_is_optional = false;  ///< A `ca` whose file does not exist stands for the system's roots (the option's default was kept).
    std::string certificate;      ///< Of this node, with its chain; used with `key`, both or none.
    std::string key;              ///< Without a passphrase.
    bool allow_invalid = false;   ///< Development: the broker's certificate is not verified; pins still count, for its own certificate.
    PinnedCertificates pinned;    ///< In addition to the verification: one certificate of the verified chain must be among them.
};

struct SessionOptions {
    std::string name;  ///< For the log, e.g. "broker localhost:1883". Never holds a secret.
    /// "ssl://host:port", "tcp://host:port", also "mqtts://", "mqtt://", "wss://host:port/path", "ws://..."; without a port 8883, 1883,
    /// 443,
    /// 80. Alternatives, tried in this order in every attempt.
    std::vector<std::string> uris;
    std::string client_id;
    std::string user;  ///< Empty: no credentials are sent.
    std::string password;
    TlsOptions tls;
    bool allows_private = true;  ///< False: an address that is not public is never spoken to (AllowPrivateIPs).
    bool may_use_v5 = false;     ///< MQTT 5 is offered first, then 3.1.1, then 3.1.
    /// Octets of the largest packet that this broker is known to take, 0: unknown. What it announces counts instead, see packet_limit.h.
    std::size_t largest_packet = 0;

    std::chrono::milliseconds connect_attempt{10'000};  ///< An attempt, or a SUBSCRIBE, that is not answered by then has failed.
    std::chrono::milliseconds first_pause{1'000};       ///< Between attempts; doubles up to `max_backoff`, less up to a quarter at random.
    std::chrono::milliseconds max_backoff{30'000};
    std::chrono::seconds keep_alive{120};
    std::chrono::milliseconds publish_wait{10'000};  ///< How long `publish` waits for room.

    /// What has been published and is not yet written to the socket. One message alone may be larger.
    std::size_t sending_bytes = 16u << 20;
    std::size_t sending_messages = 1'000;
    /// What has arrived and is not yet given to the listener. From half of it on the broker is slowed down, above it messages are lost.
    std::size_t received_bytes = 64u << 20;
    std::size_t received_messages = 50'000;
};

}  // namespace edgesync::mqtt_session
