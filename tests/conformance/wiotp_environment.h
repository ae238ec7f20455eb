// What lies between the nodes of the transport suite when they are on the Watson IoT Platform, emulated, with its CSS outside.
#pragma once

#include <memory>

#include "tests/conformance/mqtt_environment.h"
#include "tests/system/wiotp_platform.h"

namespace edgesync::conformance {

class WiotpEnvironment : public MqttEnvironment {
public:
    using MqttEnvironment::MqttEnvironment;

    void begin(const std::filesystem::path& folder) override;
    void end() override;
    PlainSettings::Values settings(NodeRole role, const NodeKey& self) override;

private:
    int target_port() override { return platform_->port(); }
    std::string topic_prefix(const NodeKey& node) const override { return node.org + "/"; }

    std::unique_ptr<system_test::WiotpPlatform> platform_;
};

}  // namespace edgesync::conformance
