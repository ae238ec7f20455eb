#include "plugins/mqtt-session/broker_options.h"

#include <gtest/gtest.h>

#include "tests/unit/security/fake_settings.h"

namespace edgesync::mqtt_session {
namespace {

/// As the kernel gives them: with the defaults of the mode where nothing else is said.
fakes::FakeSettings settings_of(NodeRole role, std::map<std::string, std::string> values) {
    fakes::FakeSettings out;
    out.node_role = role;
    out.root = "/persist/";
    values.emplace("MQTTUseSSL", "true");
    values.emplace("AllowPrivateIPs", "true");
    for (const auto& [key, value] : values) out.values[key] = value;
    return out;
}

struct NodeRow {
    const char* what;
    NodeRole role;
    std::map<std::string, std::string> values;
    const char* uri;
    const char* client_id;
    const char* user;
    const char* name;
};

TEST(BrokerOptions, ANodesConnectionIsWhatItsSettingsSay) {
    const NodeRow rows[] = {
        {"own broker",
         NodeRole::Ess,
         {{"BrokerAddress", "localhost"}, {"BrokerPort", "1883"}, {"MQTTUseSSL", "false"}, {"MQTTClientID", "ESS-17"}},
         "tcp://localhost:1883",
         "ESS-17",
         "",
         "broker localhost:1883"},
        {"TLS is the default, on the port that is configured",
         NodeRole::Css,
         {{"BrokerAddress", "mq.example.com"},
          {"BrokerPort", "1883"},
          {"MQTTClientID", "CSS-4"},
          {"MQTTUserName", "u"},
          {"MQTTPassword", "p"}},
         "ssl://mq.example.com:1883",
         "CSS-4",
         "u",
         "broker mq.example.com:1883"},
        {"platform",
         NodeRole::Ess,
         {{"BrokerAddress", "acme.messaging.internetofthings.ibmcloud.com"},
          {"BrokerPort", "8883"},
          {"MQTTClientID", "g:acme:camera:cam7"},
          {"MQTTUserName", "use-token-auth"},
          {"MQTTPassword", "t"}},
         "ssl://acme.messaging.internetofthings.ibmcloud.com:8883",
         "g:acme:camera:cam7",
         "use-token-auth",
         "broker acme.messaging.internetofthings.ibmcloud.com:8883"},
        {"an IPv6 address",
         NodeRole::Ess,
         {{"BrokerAddress", "2001:db8::1"}, {"BrokerPort", "8883"}},
         "ssl://[2001:db8::1]:8883",
         "",
         "",
         "broker [2001:db8::1]:8883"},
    };
    for (const NodeRow& row : rows) {
        const SessionOptions options = node_options(settings_of(row.role, row.values));
        EXPECT_EQ(options.uris, std::vector<std::string>{row.uri}) << row.what;
        EXPECT_EQ(options.client_id, row.client_id) << row.what;
        EXPECT_EQ(options.user, row.user) << row.what;
        EXPECT_EQ(options.name, row.name) << row.what;
        EXPECT_FALSE(options.may_use_v5) << row.what;
    }
}

TEST(BrokerOptions, AnOrganizationsConnectionIsWhatItsRecordSays) {
    const auto settings = settings_of(NodeRole::Css, {{"BrokerAddress", "messaging.internetofthings.ibmcloud.com"},
                                                      {"BrokerPort", "8883"},
                                                      {"MQTTClientID", "CSS-1"},
                                                      {"MQTTUserName", "not this"},
                                                      {"MQTTPassword", "not this"}});
    for (const BrokerKind kind : {BrokerKind::Direct, BrokerKind::Wiotp}) {
        const SessionOptions options = organization_options(settings, kind, {"acme", "tcp://mq.acme.example:1884", "key", "token"});
        EXPECT_EQ(options.uris, std::vector<std::string>{"tcp://mq.acme.example:1884"});
        EXPECT_EQ(options.client_id, "A:acme:CSS");
        EXPECT_EQ(options.user, "key");
        EXPECT_EQ(options.password, "token");
        EXPECT_EQ(options.name, "broker mq.acme.example:1884 (organization acme)");
    }
    const SessionOptions derived = organization_options(settings, BrokerKind::Wiotp, {"acme", "", "key", "token"});
    EXPECT_EQ(derived.uris, std::vector<std::string>{"ssl://acme.messaging.internetofthings.ibmcloud.com:8883"});
    EXPECT_THROW(organization_options(settings, BrokerKind::Direct, {"acme", "", "key", "token"}), Error);
    EXPECT_THROW(organization_options(settings, BrokerKind::Direct, {"acme", "http://mq", "key", "token"}), Error);
}

TEST(BrokerOptions, EachMessagingGroupHasItsConnection) {
    const auto settings = settings_of(
        NodeRole::Css, {{"MQTTClientID", "css"},
                        {"MQTTUserName", "u"},
                        {"MQTTPassword", "p"},
                        {"BrokerAddress", R"([{"messagingGroup":"mg-a","serverURIs":["ssl://10.0.0.1:8883","ssl://10.0.0.2:8883"]},
                                                                            {"messagingGroup":"mg-b","serverURIs":["ssl://10.0.1.1:8883"]}])"}});
    const MessagingGroups groups = messaging_groups(settings);
    ASSERT_EQ(groups.groups.size(), 2u);
    EXPECT_TRUE(groups.problems.empty());
    EXPECT_EQ(groups.groups[0].name, "mg-a");
    EXPECT_EQ(groups.groups[0].options.uris, (std::vector<std::string>{"ssl://10.0.0.1:8883", "ssl://10.0.0.2:8883"}));
    EXPECT_EQ(groups.groups[0].options.name, "broker 10.0.0.1:8883 (messaging group mg-a)");
    EXPECT_EQ(groups.groups[1].options.client_id, "css");
    EXPECT_EQ(groups.groups[1].options.user, "u");
}

TEST(BrokerOptions, AMessagingGroupThatCannotBeUsedIsLeftOutAndSaid) {
    const auto settings =
        settings_of(NodeRole::Css, {{"BrokerAddress", R"([{"messagingGroup":"empty","serverURIs":[]}, 7, {"serverURIs":["ssl://a"]},
        {"messagingGroup":"good","serverURIs":["ssl://a"]}, {"messagingGroup":"good","serverURIs":["ssl://b"]}, {"messagingGroup":"bad","serverURIs":["a"]},
        {"messagingGroup":"none"}, {"messagingGroup":"number","serverURIs":[1]}])"}});
    const MessagingGroups groups = messaging_groups(settings);
    ASSERT_EQ(groups.groups.size(), 1u);
    EXPECT_EQ(groups.groups[0].options.uris, std::vector<std::string>{"ssl://a"});
    EXPECT_EQ(groups.problems.size(), 7u);
}

TEST(BrokerOptions, NoMessagingGroupIsAnError) {
    for (const char* value : {"", "broker", "{}", "[]", R"([{"messagingGroup":"a","serverURIs":[]}])", "[", "[[]]"}) {
        EXPECT_THROW(messaging_groups(settings_of(NodeRole::Css, {{"BrokerAddress", value}})), Error) << value;
    }
}

TEST(BrokerOptions, FilesOfTlsAreBelowThePersistenceRoot) {
    const std::string pem = "-----BEGIN CERTIFICATE-----\n";
    const auto tls = node_options(settings_of(NodeRole::Css, {{"BrokerAddress", "a"},
                                                              {"BrokerPort", "1"},
                                                              {"MQTTCACertificate", "broker/ca.pem"},
                                                              {"MQTTSSLCert", "/etc/client.pem"},
                                                              {"MQTTSSLKey", pem}}))
                         .tls;
    EXPECT_EQ(tls.ca, "/persist/broker/ca.pem");
    EXPECT_FALSE(tls.ca_is_optional);
    EXPECT_EQ(tls.certificate, "/etc/client.pem");
    EXPECT_EQ(tls.key, pem);
}

TEST(BrokerOptions, HalfAClientPairIsNotUsed) {
    const auto settings = settings_of(NodeRole::Css, {{"BrokerAddress", "a"}, {"BrokerPort", "1"}, {"MQTTSSLCert", "client.pem"}});
    EXPECT_EQ(node_options(settings).tls.certificate, "");
    EXPECT_EQ(setting_warnings(settings).size(), 1u);
}

TEST(BrokerOptions, OnlyAnEdgeNodeMayAcceptInvalidCertificates) {
    const std::map<std::string, std::string> values = {
        {"BrokerAddress", "a"}, {"BrokerPort", "1"}, {"MQTTAllowInvalidCertificates", "true"}};
    EXPECT_TRUE(node_options(settings_of(NodeRole::Ess, values)).tls.allow_invalid);
    EXPECT_FALSE(node_options(settings_of(NodeRole::Css, values)).tls.allow_invalid);
    EXPECT_EQ(setting_warnings(settings_of(NodeRole::Css, values)).size(), 1u);
    EXPECT_TRUE(setting_warnings(settings_of(NodeRole::Ess, values)).empty());
}

TEST(BrokerOptions, PinsAreChecked) {
    std::map<std::string, std::string> values = {
        {"BrokerAddress", "a"}, {"BrokerPort", "1"}, {"MQTTPinnedCertFingerprints", std::string(64, 'a')}};
    EXPECT_FALSE(node_options(settings_of(NodeRole::Ess, values)).tls.pinned.empty());
    values["MQTTPinnedCertFingerprints"] = "abc";
    EXPECT_THROW(node_options(settings_of(NodeRole::Ess, values)), Error);
}

TEST(BrokerOptions, AnEdgeNodeKeepsLessAndThereIsRoomForWhatIsAskedFor) {
    std::map<std::string, std::string> values = {
        {"BrokerAddress", "a"}, {"BrokerPort", "1"}, {"MaxDataChunkSize", "5242880"}, {"MaxInflightChunks", "1"}};
    EXPECT_EQ(node_options(settings_of(NodeRole::Ess, values)).received_bytes, 16u << 20);
    EXPECT_EQ(node_options(settings_of(NodeRole::Css, values)).received_bytes, 64u << 20);
    values["MaxInflightChunks"] = "8";
    EXPECT_EQ(node_options(settings_of(NodeRole::Ess, values)).received_bytes, 120u << 20);
}

struct RulesRow {
    NodeRole role;
    BrokerKind kind;
    const char* inside;
    const char* connector;
    TopicRules::Family family;
    bool via_edge_connector;
};

TEST(BrokerOptions, TheModeDecidesTheTopics) {
    using Family = TopicRules::Family;
    const RulesRow rows[] = {
        {NodeRole::Css, BrokerKind::Direct, "false", "false", Family::Plain, false},
        {NodeRole::Ess, BrokerKind::Direct, "false", "true", Family::Plain, true},
        {NodeRole::Css, BrokerKind::Direct, "false", "true", Family::Plain, false},
        {NodeRole::Css, BrokerKind::Wiotp, "false", "false", Family::Plain, false},
        {NodeRole::Css, BrokerKind::Wiotp, "true", "false", Family::MessagingGroups, false},
        {NodeRole::Ess, BrokerKind::Wiotp, "true", "false", Family::MessagingGroups, false},
        {NodeRole::Ess, BrokerKind::Wiotp, "true", "true", Family::MessagingGroups, true},
    };
    for (const RulesRow& row : rows) {
        const auto rules =
            topic_rules(settings_of(row.role, {{"CSSOnWIoTP", row.inside}, {"UsingEdgeConnector", row.connector}}), row.kind);
        EXPECT_EQ(rules.family, row.family);
        EXPECT_EQ(rules.via_edge_connector, row.via_edge_connector);
        EXPECT_FALSE(rules.is_shared);
    }
}

}  // namespace
}  // namespace edgesync::mqtt_session
