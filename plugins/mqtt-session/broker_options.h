// From the settings of a node, and the record of an organization, to the options of its sessions.
#pragma once

#include <string>
#include <vector>

#include "edgesync/sdk/settings.h"
#include "session_options.h"
#include "topics.h"

namespace edgesync::mqtt_session {

/// Which plugin asks.
enum class BrokerKind {
    Direct,  ///< transport-mqtt: any broker.
    Wiotp,   ///< transport-wiotp: a broker with the rules of the Watson IoT Platform.
};

/// The settings that the functions below read; all are the service's own, a plugin need not declare them: MQTTClientID, MQTTUserName,
/// MQTTPassword, MQTTUseSSL, MQTTCACertificate, MQTTSSLCert, MQTTSSLKey, MQTTAllowInvalidCertificates, MQTTPinnedCertFingerprints,
/// BrokerAddress, BrokerPort, CSSOnWIoTP, UsingEdgeConnector, AllowPrivateIPs, MaxDataChunkSize, MaxInflightChunks. The kernel has already
/// put the defaults of the mode into client id, user, address and port.

/// Family and prefix by CSSOnWIoTP and UsingEdgeConnector; `is_shared` is left to the plugin.
TopicRules topic_rules(const Settings& settings, BrokerKind kind);

/// Of an ESS, and of a CSS with one organization. No secret is in `name`. @throws Error{InvalidRequest} for fingerprints that are none.
SessionOptions node_options(const Settings& settings);

/// What the record of an organization holds.
struct OrganizationBroker {
    std::string org;
    std::string address;  ///< A URI, used as it is; empty: Wiotp derives one, Direct has none.
    std::string user;
    std::string password;
};

/// Of a CSS with many organizations, one session each. @throws Error{InvalidRequest}: the organization is to be skipped, and why.
SessionOptions organization_options(const Settings& settings, BrokerKind kind, const OrganizationBroker& broker);

struct MessagingGroup {
    std::string name;
    SessionOptions options;
};
struct MessagingGroups {
    std::vector<MessagingGroup> groups;
    std::vector<std::string> problems;  ///< One line for each group that was left out.
};

/// Of a CSS inside of the platform, one session per group of the JSON array BrokerAddress.
/// @throws Error{InvalidRequest} if the value cannot be read or no group is left.
MessagingGroups messaging_groups(const Settings& settings);

/// What an operator should be told once at start about these settings, e.g. that MQTTAllowInvalidCertificates is ignored on a CSS.
std::vector<std::string> setting_warnings(const Settings& settings);

}  // namespace edgesync::mqtt_session
