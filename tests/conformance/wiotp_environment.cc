#include "tests/conformance/wiotp_environment.h"

#include <cstdlib>
#include <string_view>

namespace edgesync::conformance {
namespace {

constexpr char kOrg[] = "org";  ///< Of the suite's nodes.
constexpr char kGroup[] = "group";

bool is_inside_wanted() {
    const char* place = std::getenv("EDGESYNC_TEST_WIOTP");
    return place != nullptr && std::string_view(place) == "inside";
}

}  // namespace

WiotpEnvironment::WiotpEnvironment(int broker_port) : MqttEnvironment(broker_port), is_css_inside_(is_inside_wanted()) {}

void WiotpEnvironment::begin(const std::filesystem::path& folder) {
    system_test::WiotpAccounts accounts;
    accounts.keys = {{"a-" + std::string(kOrg) + "-key", "application-token"}};
    accounts.services = {{"css", "service-password"}};
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
    if (!is_css_inside_) return values;
    values["CSSOnWIoTP"] = "true";
    if (!is_css) return values;
    values["OrgID"] = "";
    values["MQTTClientID"] = "css";
    values["MQTTUserName"] = "css";
    values["MQTTPassword"] = "service-password";
    values["BrokerAddress"] =
        R"([{"messagingGroup":")" + std::string(kGroup) + R"(","serverURIs":["tcp://127.0.0.1:)" + std::to_string(relay_port()) + R"("]}])";
    return values;
}

std::optional<std::string> WiotpEnvironment::messaging_group() const {
    return is_css_inside_ ? std::optional<std::string>(kGroup) : std::nullopt;
}

std::string WiotpEnvironment::topic(const NodeKey& node, bool is_up) const {
    if (!is_css_inside_) return node.org + "/" + MqttEnvironment::topic(node, is_up);
    return (is_up ? "iotintdev-1/type/" : "iotint-1/" + node.org + "/type/") + node.type + "/id/" + node.id + "/sync/sync-cmd";
}

}  // namespace edgesync::conformance
