// A client that says to a broker what a test wants to be said, whatever it is: the protocol's few packets that this takes, by octets.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "tests/system/sandbox.h"

namespace edgesync::system_test {

struct MqttCredentials {
    std::string user;  ///< Empty: none are sent.
    std::string password;
};

/// MQTT 3.1.1, QoS 0. Not thread-safe.
class MqttClient {
public:
    /// Connects. @throws std::runtime_error
    MqttClient(int port, const std::string& client_id, const MqttCredentials& credentials = {});
    ~MqttClient();
    MqttClient(const MqttClient&) = delete;
    MqttClient& operator=(const MqttClient&) = delete;

    /// False: the broker has ended the connection.
    bool publish(std::string_view topic, std::string_view payload);
    /// Before anything is published on it. False: refused.
    bool subscribe(std::string_view filter);
    /// Whether the broker ends the connection, or has ended it; returns as soon as it does.
    bool is_disconnected(std::chrono::milliseconds limit = kPatience);

private:
    const int socket_;
};

}  // namespace edgesync::system_test
