// Two nodes on one MQTT broker (tests/with-mosquitto), which they reach through a relay that disturbs them.
#pragma once

#include <memory>

#include "tests/conformance/mqtt_relay.h"
#include "transport_environment.h"

namespace edgesync::conformance {

class MqttEnvironment : public TransportEnvironment, protected PacketInjector {
public:
    explicit MqttEnvironment(int broker_port) : broker_port_(broker_port) {}

    void begin(const std::filesystem::path& folder) override;
    void end() override { relay_.reset(); }
    PlainSettings::Values settings(NodeRole role, const NodeKey& self) override;
    LineFaults* faults() override { return relay_.get(); }
    PacketInjector* injector() override { return this; }
    std::chrono::seconds longest_call() const override { return std::chrono::seconds(15); }
    bool carries_all_metadata() const override { return true; }

protected:
    int broker_port() const { return broker_port_; }
    /// What the relay leads to.
    virtual int target_port() { return broker_port_; }
    /// The port of the relay.
    int relay_port() const { return relay_->port(); }
    /// Where the broker has what a node says, or hears.
    virtual std::string topic(const NodeKey& node, bool is_up) const;

private:
    void to_css(const NodeKey& node, const std::string& payload) override;
    void to_ess(const NodeKey& node, const std::string& payload) override;

    const int broker_port_;
    std::unique_ptr<MqttRelay> relay_;
};

}  // namespace edgesync::conformance
