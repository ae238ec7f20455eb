// Stands between MQTT clients and their broker, and loses, repeats or swaps what they publish.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>

#include "tests/system/mqtt_packets.h"
#include "tests/system/relay.h"
#include "transport_environment.h"

namespace edgesync::conformance {

/// Understands packets as far as their type and length. Thread-safe.
class MqttRelay : public LineFaults {
public:
    explicit MqttRelay(int broker_port);

    int port() const { return relay_.port(); }
    void cut() override { relay_.cut(); }
    void restore() override;
    bool silence() override;
    /// Only on the way to the broker, so that each message is disturbed once.
    bool disturb(const PacketFaults& faults) override;
    std::optional<std::size_t> lost() const override { return lost_.load(); }

private:
    class Disturbance;

    void pass_both_ways(int client, int broker);
    /// Passes packets on until one end closes.
    void pump(int from, int to, bool is_to_broker);
    PacketFaults faults() const;

    std::atomic<bool> is_silent_{false};
    std::atomic<std::size_t> lost_{0};
    mutable std::mutex mutex_;
    PacketFaults faults_;
    system_test::Relay relay_;  ///< Ends before what it uses.
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
