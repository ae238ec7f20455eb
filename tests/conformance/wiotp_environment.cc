#include "tests/conformance/wiotp_environment.h"

namespace edgesync::conformance {
namespace {

constexpr char kOrg[] = "org";  ///< Of the suite's nodes.

}  // namespace

void WiotpEnvironment::begin(const std::filesystem::path& folder) {
    system_test::WiotpAccounts accounts;
    accounts.keys = {{"a-" + std::string(kOrg) + "-key", "application-token"}};
    platform_ = std::make_unique<system_test::WiotpPlatform>(std::move(accounts), broker_port());
    MqttEnvironment::begin(folder);
}

void WiotpEnvironment::end() {
    MqttEnvironment::end();
    platform_.reset();
}

PlainSettings::Values WiotpEnvironment::settings(NodeRole role, const NodeKey& self) {
    auto values = MqttEnvironment::settings(role, self);
    const bool is_css = role == NodeRole::Css;
    const std::string gateway = "g:" + self.org + ":" + self.type + ":" + self.id;
    if (!is_css) platform_->add_gateway(gateway, "gateway-token");
    values["CommunicationProtocol"] = "wiotp";
    values["MQTTClientID"] = is_css ? "A:" + std::string(kOrg) + ":CSS" : gateway;
    values["MQTTUserName"] = is_css ? "a-" + std::string(kOrg) + "-key" : "use-token-auth";
    values["MQTTPassword"] = is_css ? "application-token" : "gateway-token";
    values["OrgID"] = kOrg;
    values["MaxDataChunkSize"] = "122880";
    return values;
}

}  // namespace edgesync::conformance
