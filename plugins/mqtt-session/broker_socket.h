// The socket of a connection that Paho made. The library neither sets what small messages need nor tells the descriptor.
#pragma once

#include <cstdint>

namespace edgesync::mqtt_session {

/// Two small messages in a row take 40 ms where the sender holds the second back until the first is acknowledged (Nagle) and the receiver
/// acknowledges late, in the hope for data that goes the other way. This sends ours at once, and can acknowledge the broker's at once.
/// Only a wish: without the socket, or with another one, everything works, but more slowly. Not thread-safe.
class BrokerSocket {
public:
    BrokerSocket() = default;
    /// Finds the newest connection of the process to `port` and lets it send at once.
    explicit BrokerSocket(std::uint16_t port);

    /// What has arrived and was read.
    void acknowledge() const noexcept;

private:
    int descriptor_ = -1;  ///< Paho's: it may be closed at any time, and then be another one.
};

}  // namespace edgesync::mqtt_session
