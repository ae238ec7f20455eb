// Stands between MQTT clients and their broker, and loses, repeats or swaps what they publish.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/system/mqtt_packets.h"
#include "transport_environment.h"

namespace edgesync::conformance {

/// Understands packets as far as their type and length. Thread-safe.
class MqttRelay : public LineFaults {
public:
    explicit MqttRelay(int broker_port);
    ~MqttRelay() override;
    MqttRelay(const MqttRelay&) = delete;
    MqttRelay& operator=(const MqttRelay&) = delete;

    int port() const { return port_; }
    void cut() override;
    void restore() override;
    bool silence() override;
    /// Only on the way to the broker, so that each message is disturbed once.
    bool disturb(const PacketFaults& faults) override;

private:
    class Disturbance;

    void accept_clients();
    void serve(int client);
    /// Passes packets on until one end closes.
    void pump(int from, int to, bool is_to_broker);
    PacketFaults faults() const;

    const int broker_port_;
    int port_ = 0;
    const int listener_;
    std::atomic<bool> is_cut_{false};
    std::atomic<bool> is_silent_{false};
    std::atomic<bool> is_stopped_{false};
    mutable std::mutex mutex_;
    PacketFaults faults_;
    std::set<int> sockets_;
    std::vector<std::thread> clients_;
    std::thread acceptor_;
};

/// Publishes octets as any client of the broker can. Not thread-safe.
class MqttPublisher {
public:
    /// @throws std::runtime_error if the broker does not take it.
    explicit MqttPublisher(int broker_port);
    ~MqttPublisher();
    MqttPublisher(const MqttPublisher&) = delete;
    MqttPublisher& operator=(const MqttPublisher&) = delete;

    /// The broker has it when this returns.
    void publish(const std::string& topic, const std::string& payload);

private:
    void send(const std::string& octets) const;
    void expect(system_test::PacketType type, std::size_t size) const;

    int socket_ = -1;
};

}  // namespace edgesync::conformance
