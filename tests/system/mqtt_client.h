// A client that says to a broker what a test wants to be said, whatever it is: the protocol's three packets that this takes, by octets.
#pragma once

#include <string>
#include <string_view>

namespace edgesync::system_test {

/// MQTT 3.1.1, QoS 0. Not thread-safe.
class MqttClient {
public:
    /// Connects. @throws std::runtime_error
    MqttClient(int port, const std::string& client_id);
    ~MqttClient();
    MqttClient(const MqttClient&) = delete;
    MqttClient& operator=(const MqttClient&) = delete;

    /// False: the broker has ended the connection.
    bool publish(std::string_view topic, std::string_view payload);

private:
    bool send_all(std::string_view octets) const;
    int socket_ = -1;
};

}  // namespace edgesync::system_test
