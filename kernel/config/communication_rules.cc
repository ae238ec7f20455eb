#include "kernel/config/communication_rules.h"

#include <algorithm>

#include "kernel/config/node_rules.h"
#include "kernel/config/plugin_names.h"
#include "kernel/config/value_text.h"

namespace edgesync::config {
namespace {

bool has_transport(const Decisions& decisions, std::string_view name) {
    return std::find(decisions.transports.begin(), decisions.transports.end(), name) != decisions.transports.end();
}

void choose(EffectiveValues& values, Decisions& decisions, Findings& findings) {
    auto choice = choose_transports(values.list("CommunicationProtocol"), decisions.role);
    if (!choice.problem.empty()) {
        add_problem(findings, "CommunicationProtocol", choice.problem, key_and_value(values, "CommunicationProtocol"));
    }
    decisions.transports = std::move(choice.plugins);
    if (decisions.role == NodeRole::Css && values.flag("CSSOnWIoTP") && has_transport(decisions, "mqtt")) {
        add_problem(findings, "CommunicationProtocol", "CSS on Watson IoTP should use wiotp protocol",
                    key_and_value(values, "CommunicationProtocol") + " and CSSOnWIoTP is true");
    }
}

void check_broker_address(const EffectiveValues& values, const Decisions& decisions, Findings& findings) {
    const auto& address = values.text("BrokerAddress");
    const bool is_json_list = address.starts_with('[');
    const auto advice = key_and_value(values, "BrokerAddress");
    if (decisions.role == NodeRole::Ess) {
        if (is_json_list) add_problem(findings, "BrokerAddress", "Please provide one broker address", advice);
    } else if (values.flag("CSSOnWIoTP") && !is_json_list) {
        add_problem(findings, "BrokerAddress", "Please specify the broker addresses for messaging groups",
                    advice + ": write a JSON array of {\"messagingGroup\",\"serverURIs\"}");
    } else if (!values.flag("CSSOnWIoTP") && is_json_list) {
        add_problem(findings, "BrokerAddress", "Please provide one broker address for CSS outside WIoTP", advice);
    }
}

void check_mqtt(const EffectiveValues& values, const Decisions& decisions, Findings& findings) {
    const bool is_css = decisions.role == NodeRole::Css;
    const bool is_wiotp = has_transport(decisions, "wiotp");
    const bool has_own_user = !is_wiotp || is_css || values.flag("UsingEdgeConnector");
    if (has_own_user && !values.text("MQTTPassword").empty() && values.text("MQTTUserName").empty()) {
        add_problem(findings, "MQTTUserName", "Please specify the user name for MQTT communication in the configuration file",
                    "MQTTPassword is set and MQTTUserName is empty");
    }
    check_broker_address(values, decisions, findings);
    if (!has_own_user && values.text("MQTTPassword").empty()) {
        add_problem(findings, "MQTTPassword", "Please provide password for MQTT connection", "MQTTPassword is empty: set the node's token");
    }
}

void derive_mqtt(EffectiveValues& values, const Surroundings& surroundings, const Decisions& decisions, Findings& findings) {
    const bool is_css = decisions.role == NodeRole::Css;
    const bool is_wiotp = has_transport(decisions, "wiotp");
    const bool has_connector = values.flag("UsingEdgeConnector");
    const auto& org = values.text("OrgID");
    if (has_transport(decisions, "mqtt")) values.derive("EnableDataChunk", "true", "mqtt always transfers in chunks", findings);
    if (values.number("BrokerPort") == 0) values.derive("BrokerPort", is_wiotp ? "8883" : "1883", "the protocol's port is used", findings);
    if (is_wiotp && !is_css && !has_connector) {
        values.derive("MQTTUserName", "use-token-auth", "wiotp nodes sign in with a token", findings);
    }
    if (values.text("MQTTClientID").empty()) {
        std::string id = (is_css ? "CSS-" : "ESS-") + std::to_string(surroundings.random() >> 1);
        if (is_wiotp && is_css && !org.empty()) id = "A:" + org + ":CSS";
        if (is_wiotp && !is_css) {
            id = has_connector ? "a:sync-service" : "g:" + org + ":" + values.text("DestinationType") + ":" + values.text("DestinationID");
        }
        values.derive("MQTTClientID", id, "an empty client id is replaced", findings);
    }
    if (values.text("BrokerAddress").empty()) {
        std::string address = "localhost";
        if (is_wiotp) address = (org.empty() ? "" : org + ".") + "messaging.internetofthings.ibmcloud.com";
        if (is_wiotp && !is_css && has_connector) address = "edge-connector";
        values.derive("BrokerAddress", address, "the protocol's address is used", findings);
    }
}

void check_http(const EffectiveValues& values, const Decisions& decisions, Findings& findings) {
    if (decisions.role != NodeRole::Ess || !has_transport(decisions, "http")) return;
    if (!values.text("HTTPCSSHost").empty() && values.number("HTTPCSSPort") != 0) return;
    add_problem(findings, "HTTPCSSHost", "Please specify the host and port of CSS for HTTP communication in the configuration file",
                key_and_value(values, "HTTPCSSHost") + ", " + key_and_value(values, "HTTPCSSPort") + ": set both");
}

void derive_bounds(EffectiveValues& values, const Decisions& decisions, Findings& findings) {
    constexpr std::int64_t kMostChunksOfCss = 64;
    const bool is_css = decisions.role == NodeRole::Css;
    if (values.number("MaxInflightChunks") < 1) values.derive("MaxInflightChunks", "1", "at least 1", findings);
    if (is_css && values.number("MaxInflightChunks") > kMostChunksOfCss)
        values.derive("MaxInflightChunks", "64", "at most 64 on a CSS", findings);
    if (values.number("VerifyQueueBufferSize") == 0) values.derive("VerifyQueueBufferSize", "500", "0 stands for the default", findings);
}

}  // namespace

bool uses_mqtt(const Decisions& decisions) { return has_transport(decisions, "mqtt") || has_transport(decisions, "wiotp"); }

void check_communication(EffectiveValues& values, const Surroundings& surroundings, Decisions& decisions, Findings& findings) {
    const auto url = std::string(values.flag("HTTPCSSUseSSL") ? "https" : "http") + "://" + values.text("HTTPCSSHost") + ":" +
                     std::to_string(values.number("HTTPCSSPort"));
    values.derive("HTTPCSSURL", url, "it is made of HTTPCSSUseSSL, HTTPCSSHost and HTTPCSSPort", findings);
    choose(values, decisions, findings);
    if (uses_mqtt(decisions)) check_mqtt(values, decisions, findings);
    check_http(values, decisions, findings);
    const auto mode = lower_case(values.text("MQTTParallelMode"));
    if (!mode.empty() && mode != "none" && mode != "small" && mode != "medium" && mode != "large") {
        add_problem(findings, "MQTTParallelMode",
                    "Invalid MQTTParallelMode, please specify any off: 'none', 'small', 'medium', 'large', or leave as empty string",
                    key_and_value(values, "MQTTParallelMode"));
    }
    if (uses_mqtt(decisions)) derive_mqtt(values, surroundings, decisions, findings);
    derive_bounds(values, decisions, findings);
}

}  // namespace edgesync::config
