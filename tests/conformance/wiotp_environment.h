// What lies between the nodes of the transport suite when they are on the Watson IoT Platform, emulated, with its CSS outside; or inside,
// on a messaging group, if EDGESYNC_TEST_WIOTP is "inside".
#pragma once

#include <memory>

#include "tests/conformance/mqtt_environment.h"
#include "tests/system/wiotp_platform.h"

namespace edgesync::conformance {

class WiotpEnvironment : public MqttEnvironment {
public:
    explicit WiotpEnvironment(int broker_port);

    void begin(const std::filesystem::path& folder) override;
    void end() override;
    PlainSettings::Values settings(NodeRole role, const NodeKey& self) override;
    std::optional<std::string> messaging_group() const override;

private:
    int target_port() override { return platform_->port(); }
    std::string topic(const NodeKey& node, bool is_up) const override;

    const bool is_css_inside_;
    std::unique_ptr<system_test::WiotpPlatform> platform_;
};

}  // namespace edgesync::conformance
