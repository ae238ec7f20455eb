// The address of a broker.
#pragma once

#include <cstdint>
#include <string>

namespace edgesync::mqtt_session {

struct BrokerUri {
    bool is_tls = false;
    bool is_websocket = false;
    std::string host;  ///< A name or an address, without brackets.
    std::uint16_t port = 0;
    std::string path;  ///< WebSocket only; empty or begins with '/'.

    /// As the library wants it, to `host` or another name of it.
    std::string text(const std::string& host_or_address) const;
};

/// tcp://, mqtt://, ssl://, mqtts://, ws://, wss:// in any case; without a port 1883, 8883, 80, 443.
/// @throws Error{InvalidRequest} saying what is wrong; what stands before an '@' is not repeated.
BrokerUri parse_broker_uri(const std::string& uri);

/// "ssl://host:port" or "tcp://host:port"; an IPv6 address gets its brackets.
std::string broker_uri(bool is_tls, const std::string& host, std::int64_t port);

}  // namespace edgesync::mqtt_session
