#include "tests/conformance/mqtt_environment.h"

namespace edgesync::conformance {
std::string MqttEnvironment::topic(const NodeKey& node, bool is_up) const {
    return "iot-2/type/" + node.type + "/id/" + node.id + "/" + (is_up ? "evt" : "cmd") + "/sync-cmd/fmt/bin";
}

void MqttEnvironment::begin(const std::filesystem::path&) { relay_ = std::make_unique<MqttRelay>(target_port()); }

PlainSettings::Values MqttEnvironment::settings(NodeRole role, const NodeKey& self) {
    return {{"CommunicationProtocol", "mqtt"},
            {"BrokerAddress", "127.0.0.1"},
            {"BrokerPort", std::to_string(relay_port())},
            {"MQTTClientID", role == NodeRole::Css ? "CSS-conformance" : "ESS-" + self.id},
            {"MQTTUserName", ""},
            {"MQTTPassword", ""},
            {"MQTTUseSSL", "false"},
            {"MQTTCACertificate", ""},
            {"MQTTSSLCert", ""},
            {"MQTTSSLKey", ""},
            {"MQTTAllowInvalidCertificates", "false"},
            {"MQTTPinnedCertFingerprints", ""},
            {"MQTTBrokerConnectTimeout", "300"},
            {"MQTTParallelMode", "none"},
            {"OrgID", self.org},
            {"CSSOnWIoTP", "false"},
            {"UsingEdgeConnector", "false"},
            {"AllowPrivateIPs", "true"},
            {"MaxDataChunkSize", "5242880"},
            {"MaxInflightChunks", "4"}};
}

void MqttEnvironment::to_css(const NodeKey& node, const std::string& payload) {
    MqttPublisher(broker_port_).publish(topic(node, true), payload);
}

void MqttEnvironment::to_ess(const NodeKey& node, const std::string& payload) {
    MqttPublisher(broker_port_).publish(topic(node, false), payload);
}

}  // namespace edgesync::conformance
