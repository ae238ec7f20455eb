// Nodes on the Watson IoT Platform, emulated before the distribution's broker (wiotp_platform.h).
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "edgesync/sdk/codec.h"
#include "tests/system/certificate.h"
#include "tests/system/cluster.h"
#include "tests/system/database.h"
#include "tests/system/mosquitto.h"
#include "tests/system/mqtt_client.h"
#include "tests/system/tls_front.h"
#include "tests/system/wiotp_platform.h"

namespace edgesync::system_test {
namespace {

using std::chrono::seconds;
using Json = nlohmann::json;

std::vector<std::string> on(int port, std::vector<std::string> lines = {}) {
    lines.insert(lines.end(), {"BrokerAddress 127.0.0.1", "BrokerPort " + std::to_string(port), "MQTTUseSSL false"});
    const auto names_protocol = [](const std::string& line) { return line.starts_with("CommunicationProtocol "); };
    if (std::none_of(lines.begin(), lines.end(), names_protocol)) lines.emplace_back("CommunicationProtocol wiotp");
    return lines;
}

WiotpAccounts accounts() {
    WiotpAccounts out;
    out.tokens = {{"g:acme:camera:cam1", "token-1"}, {"g:acme:camera:cam2", "token-2"}, {"g:other:camera:cam1", "token-3"}};
    out.behind = {{"g:acme:camera:cam1", {"lens/l1"}}};
    out.keys = {{"a-acme-key", "acme-token"}, {"a-other-key", "other-token"}};
    out.services = {{"css", "css-password"}};
    return out;
}

/// What a node of the organization other answers to its administrator.
std::string answer_of_other(const Node& node, const std::string& path) {
    return call(node.port(), "GET", "/api/v1/objects/" + path, "", {}, "admin@other").body;
}

class Wiotp : public ::testing::Test {
protected:
    void SetUp() override {
        if (!Mosquitto::is_installed()) GTEST_SKIP() << "mosquitto is not installed";
        broker_.start();
        platform_ = std::make_unique<WiotpPlatform>(accounts(), broker_.port());
    }
    std::vector<std::string> css_lines(std::vector<std::string> lines = {}) const {
        lines.insert(lines.end(), {"OrgID acme", "MQTTUserName a-acme-key", "MQTTPassword acme-token"});
        return on(platform_->port(), std::move(lines));
    }
    void start_css(std::vector<std::string> lines = {}) {
        css_ = make_css(folder_.path(), css_lines(std::move(lines)));
        css_->start();
    }
    /// With the account of its name.
    std::unique_ptr<Node> edge(const std::string& id, std::vector<std::string> lines = {}) const {
        lines.emplace_back("MQTTPassword " + accounts().tokens.at("g:acme:camera:" + id));
        return make_ess(folder_.path(), id, 1, on(platform_->port(), std::move(lines)));
    }
    void start_both() {
        start_css();
        cam1_ = edge("cam1");
        cam1_->start();
        ASSERT_TRUE(eventually([this] { return registered(*css_, 1); })) << cam1_->output();
    }
    void expect_exchange(const std::string& down, const std::string& up) {
        ASSERT_EQ(publish(*css_, "model", "m", R"({"destinationType":"camera","destinationID":"cam1"})", down), 204);
        EXPECT_TRUE(eventually([&] { return deliveries(*css_, "model", "m") == "cam1=delivered"; })) << cam1_->output();
        EXPECT_TRUE(cam1_->request("GET", "objects/model/m/data").body == down);
        ASSERT_EQ(publish_on_edge(*cam1_, "report", "r", up), 204);
        EXPECT_TRUE(eventually([&] { return status(*css_, "report", "r") == "completelyReceived"; })) << css_->output();
        EXPECT_TRUE(css_->request("GET", "objects/acme/report/r/data").body == up);
    }
    static void expect_no_refusal(const WiotpPlatform& platform) {
        EXPECT_EQ(platform.refusals().clients, 0);
        EXPECT_EQ(platform.refusals().topics, 0);
        EXPECT_EQ(platform.refusals().payloads, 0);
    }

    TemporaryFolder folder_;
    Mosquitto broker_;
    std::unique_ptr<WiotpPlatform> platform_;
    std::unique_ptr<Node> css_;
    std::unique_ptr<Node> cam1_;
};

TEST_F(Wiotp, ACssAndAGatewayExchangeLargeObjectsInMessagesThatThePlatformTakes) {
    start_both();
    expect_exchange(random_octets(3'000'000, 1), random_octets(3'000'000, 2));
    EXPECT_GT(platform_->largest_payload(), 100'000u) << "but no smaller than they must be";
    expect_no_refusal(*platform_);
}

TEST_F(Wiotp, SmallObjectsAndThoseWithoutDataGetThroughBothWays) {
    start_both();
    expect_exchange("down", "up");
    const std::string meta = R"({"meta":{"objectID":"none","objectType":"model","destinationType":"camera","noData":true}})";
    ASSERT_EQ(css_->request("PUT", "objects/acme/model/none", meta).status, 204);
    EXPECT_TRUE(eventually([&] { return deliveries(*css_, "model", "none") == "cam1=delivered"; }));
    expect_no_refusal(*platform_);
}

TEST_F(Wiotp, ANodeWithAWrongTokenDoesNotStartAndSaysWhy) {
    const auto liar = make_ess(folder_.path(), "cam1", 1, on(platform_->port(), {"MQTTPassword not-the-token"}));
    liar->launch();
    EXPECT_GT(liar->wait_for_end(), 0);
    EXPECT_NE(liar->output().find("refuses this node"), std::string::npos) << liar->output();
    EXPECT_EQ(liar->output().find("not-the-token"), std::string::npos) << "no secret in the log";
    EXPECT_GT(platform_->refusals().clients, 0);
}

TEST_F(Wiotp, TransfersGoOnAfterThePlatformHasCutTheLines) {
    start_both();
    const std::string data = random_octets(20'000'000, 3);
    ASSERT_EQ(publish(*css_, "model", "m", R"({"destinationType":"camera"})", data), 204);
    for (int round = 1; round <= 2; ++round) {
        platform_->disconnect_all_after(20);
        ASSERT_TRUE(eventually([&] { return platform_->disconnections() == round; }));
    }
    EXPECT_TRUE(eventually([&] { return deliveries(*css_, "model", "m") == "cam1=delivered"; })) << cam1_->output();
    EXPECT_TRUE(cam1_->request("GET", "objects/model/m/data").body == data);
}

TEST_F(Wiotp, AHybridCssServesNodesOverHttpAndOverThePlatform) {
    start_css({"CommunicationProtocol http,wiotp"});
    cam1_ = edge("cam1");
    cam1_->start();
    const auto cam2 = make_ess(folder_.path(), "cam2", css_->port(), {"CommunicationProtocol http"});
    cam2->start();
    ASSERT_TRUE(eventually([this] { return registered(*css_, 2); }));
    ASSERT_EQ(publish(*css_, "model", "m", R"({"destinationType":"camera"})", "x"), 204);
    EXPECT_TRUE(eventually([&] { return deliveries(*css_, "model", "m") == "cam1=delivered,cam2=delivered"; })) << css_->output();
}

TEST_F(Wiotp, OrganizationsOnOnePlatformHaveApplicationsOfTheirOwnAndDoNotMix) {
    css_ = make_css(folder_.path(), on(platform_->port()));
    std::filesystem::create_directories(css_->root() / "sync");
    std::ofstream(css_->root() / "sync/dummy-auth.json") << R"({"syncAdmins":["root"]})";
    css_->start();
    for (const std::string org : {"acme", "other"}) {
        const Json record = {{"orgid", org}, {"user", "a-" + org + "-key"}, {"password", org + "-token"}, {"address", platform_->uri()}};
        ASSERT_EQ(call(css_->port(), "PUT", "/api/v1/organizations/" + org, record.dump(), {}, "root@root").status, 204);
    }
    cam1_ = edge("cam1");
    cam1_->start();
    // The same type and id in another organization.
    std::filesystem::create_directories(folder_.path() / "other");
    const auto stranger = make_ess(folder_.path() / "other", "cam1", 1, on(platform_->port(), {"OrgID other", "MQTTPassword token-3"}));
    stranger->start();
    ASSERT_TRUE(eventually([this] { return registered(*css_, 1); })) << css_->output();
    ASSERT_EQ(publish(*css_, "model", "m", R"({"destinationType":"camera"})", "x"), 204);
    EXPECT_TRUE(eventually([&] { return deliveries(*css_, "model", "m") == "cam1=delivered"; }));
    const auto nodes_of_other = [this] { return call(css_->port(), "GET", "/api/v1/destinations/other", "", {}, "admin@other"); };
    EXPECT_TRUE(eventually([&] { return nodes_of_other().status == 200; })) << nodes_of_other().body;
    EXPECT_EQ(answer_of_other(*stranger, "model/m/status"), "") << "it is of another organization";
    expect_no_refusal(*platform_);
}

TEST_F(Wiotp, AnEdgeConnectorTakesItsPrefixOffAndTheCssNeverSeesIt) {
    WiotpAccounts local;
    local.connector_org = "acme";
    local.connector_user = "edge";
    local.connector_password = "edge-password";
    const WiotpPlatform connector(local, broker_.port());
    start_css();
    cam1_ = make_ess(folder_.path(), "cam1", 1,
                     on(connector.port(), {"UsingEdgeConnector true", "MQTTUserName edge", "MQTTPassword edge-password"}));
    cam1_->start();
    ASSERT_TRUE(eventually([this] { return registered(*css_, 1); })) << cam1_->output();
    expect_exchange(random_octets(500'000, 4), random_octets(500'000, 5));
    expect_no_refusal(connector);
    expect_no_refusal(*platform_);
}

/// What the emulated platform is trusted with by the tests above.
class WiotpEmulator : public Wiotp {};

TEST_F(WiotpEmulator, WhoeverPublishesOrSubscribesWhatIsNotItsOwnIsDisconnected) {
    const MqttCredentials gateway{"use-token-auth", "token-1"};
    const auto connect = [&] { return std::make_unique<MqttClient>(platform_->port(), "g:acme:camera:cam1", gateway); };
    auto client = connect();
    client->publish("iot-2/type/camera/id/cam1/evt/sync-cmd/fmt/bin", "own");
    client->publish("iot-2/type/lens/id/l1/evt/status/fmt/bin", "of a device behind it");
    EXPECT_FALSE(client->is_disconnected(std::chrono::milliseconds(300)));
    client->publish("iot-2/type/camera/id/cam2/evt/sync-cmd/fmt/bin", "of another");
    EXPECT_TRUE(client->is_disconnected());
    EXPECT_FALSE(connect()->subscribe("iot-2/type/+/id/+/evt/+/fmt/+"));
    EXPECT_FALSE(connect()->subscribe("#"));
    EXPECT_TRUE(connect()->subscribe("iot-2/type/camera/id/cam1/cmd/+/fmt/+"));
    client = connect();
    client->publish("iot-2/type/camera/id/cam1/evt/sync-cmd/fmt/bin", std::string(kWiotpPayload, 'x'));
    EXPECT_FALSE(client->is_disconnected(std::chrono::milliseconds(300)));
    client->publish("iot-2/type/camera/id/cam1/evt/sync-cmd/fmt/bin", std::string(kWiotpPayload + 1, 'x'));
    EXPECT_TRUE(client->is_disconnected());
}

TEST_F(WiotpEmulator, ApplicationsWithOneScalableIdShareTheirMessages) {
    const MqttCredentials key{"a-acme-key", "acme-token"};
    MqttClient one(platform_->port(), "A:acme:CSS", key);
    MqttClient two(platform_->port(), "A:acme:CSS", key);
    ASSERT_TRUE(one.subscribe("iot-2/type/+/id/+/evt/+/fmt/+"));
    ASSERT_TRUE(two.subscribe("iot-2/type/+/id/+/evt/+/fmt/+"));
    MqttClient gateway(platform_->port(), "g:acme:camera:cam1", {"use-token-auth", "token-1"});
    for (int i = 0; i < 20; ++i) ASSERT_TRUE(gateway.publish("iot-2/type/camera/id/cam1/evt/e/fmt/bin", "x"));
    const auto taken = [this](const char* name) { return platform_->deliveries()[name]; };
    EXPECT_TRUE(eventually([&] { return taken("A:acme:CSS-1") + taken("A:acme:CSS-2") == 20; }));
    EXPECT_GT(taken("A:acme:CSS-1"), 0);
    EXPECT_GT(taken("A:acme:CSS-2"), 0);
}

/// With TLS before the platform, whose certificate an authority of its own has issued.
class WiotpTls : public Wiotp {
protected:
    void SetUp() override {
        Wiotp::SetUp();
        if (IsSkipped()) return;
        save("authority.pem", authority_);
        save("other.pem", make_authority("other authority"));
        front_ = make_front("DNS:localhost");
    }
    std::unique_ptr<TlsFront> make_front(const std::string& names) const {
        return std::make_unique<TlsFront>(issue_certificate(authority_, "platform", names), platform_->port());
    }
    void save(const std::string& name, const Certificate& certificate) const {
        std::ofstream(folder_.path() / name) << certificate.certificate;
    }
    std::vector<std::string> over_tls(const TlsFront& front, const std::string& authority, std::vector<std::string> lines) const {
        lines.insert(lines.end(), {"CommunicationProtocol wiotp", "BrokerAddress localhost", "BrokerPort " + std::to_string(front.port()),
                                   "MQTTCACertificate " + (folder_.path() / authority).string()});
        return lines;
    }
    std::unique_ptr<Node> edge_over_tls(const TlsFront& front, const std::string& authority) const {
        const auto folder = folder_.path() / ("trusts-" + authority);
        std::filesystem::create_directories(folder);
        return make_ess(folder, "cam1", 1, over_tls(front, authority, {"MQTTPassword token-1"}));
    }

    const Certificate authority_ = make_authority("authority of the platform");
    std::unique_ptr<TlsFront> front_;
};

TEST_F(WiotpTls, ACssAndAGatewayExchangeObjectsBothWays) {
    css_ =
        make_css(folder_.path(), over_tls(*front_, "authority.pem", {"OrgID acme", "MQTTUserName a-acme-key", "MQTTPassword acme-token"}));
    css_->start();
    cam1_ = edge_over_tls(*front_, "authority.pem");
    cam1_->start();
    ASSERT_TRUE(eventually([this] { return registered(*css_, 1); })) << cam1_->output();
    expect_exchange(random_octets(3'000'000, 10), random_octets(3'000'000, 11));
    EXPECT_EQ(front_->handshakes(), 2) << "each has one connection, and keeps it";
    EXPECT_EQ(front_->failures(), 0);
    expect_no_refusal(*platform_);
}

TEST_F(WiotpTls, APlatformThatCannotBeTrustedIsToldNothing) {
    const auto elsewhere = make_front("DNS:elsewhere.example.com");
    struct Row {
        const char* what;
        const TlsFront* front;
        const char* authority;
    };
    for (const Row& row :
         {Row{"of another authority", front_.get(), "other.pem"}, Row{"for another name", elsewhere.get(), "authority.pem"}}) {
        const auto node = edge_over_tls(*row.front, row.authority);
        node->start();
        EXPECT_TRUE(eventually([&] { return row.front->failures() > 0; })) << row.what;
        EXPECT_EQ(row.front->handshakes(), 0) << row.what;
        EXPECT_TRUE(eventually([&] { return node->output().find("certificate is refused") != std::string::npos; }))
            << row.what << node->output();
        const Json health = Json::parse(node->request("GET", "health").body);
        EXPECT_EQ(health["mqttHealth"]["mqttConnectionStatus"], "red") << row.what;
        EXPECT_EQ(node->terminate(), 0) << row.what;
    }
    EXPECT_TRUE(platform_->deliveries().empty());
    expect_no_refusal(*platform_);
}

/// A CSS inside of the platform: `platform_` is its messaging group mg-a, with the organization acme, `other_` mg-b with the organization
/// other.
class WiotpGroups : public Wiotp {
protected:
    void SetUp() override {
        Wiotp::SetUp();
        if (IsSkipped()) return;
        other_broker_.start();
        other_ = std::make_unique<WiotpPlatform>(accounts(), other_broker_.port());
    }
    static Json group(const char* name, const WiotpPlatform& platform) {
        return {{"messagingGroup", name}, {"serverURIs", Json::array({platform.uri()})}};
    }
    Json both_groups() const { return Json::array({group("mg-a", *platform_), group("mg-b", *other_)}); }
    void start_css(const Json& groups) {
        css_ = make_css(folder_.path(), {"CommunicationProtocol wiotp", "CSSOnWIoTP true", "MQTTClientID css", "MQTTUserName css",
                                         "MQTTPassword css-password", "BrokerAddress " + groups.dump()});
        css_->start();
    }
    void start_edges() {
        cam1_ = edge("cam1", {"CSSOnWIoTP true"});
        cam1_->start();
        std::filesystem::create_directories(folder_.path() / "other");
        stranger_ =
            make_ess(folder_.path() / "other", "cam1", 1, on(other_->port(), {"OrgID other", "MQTTPassword token-3", "CSSOnWIoTP true"}));
        stranger_->start();
        ASSERT_TRUE(eventually([this] { return registered(*css_, 1) && is_other_registered(); })) << css_->output();
    }
    bool is_other_registered() const { return of_other("GET", "destinations/other").body.find("cam1") != std::string::npos; }
    Answer of_other(const std::string& method, const std::string& path, const std::string& body = "") const {
        return call(css_->port(), method, "/api/v1/" + path, body, {}, "admin@other");
    }
    void publish_to_other(const std::string& id) const {
        const std::string meta = R"({"objectID":")" + id + R"(","objectType":"model","destinationType":"camera"})";
        ASSERT_EQ(of_other("PUT", "objects/other/model/" + id, R"({"meta":)" + meta + R"(,"data":"aGVsbG8="})").status, 204);
    }
    bool has_other(const std::string& id) const { return answer_of_other(*stranger_, "model/" + id + "/status") == "completelyReceived"; }

    Mosquitto other_broker_;
    std::unique_ptr<WiotpPlatform> other_;
    std::unique_ptr<Node> stranger_;
};

TEST_F(WiotpGroups, OrganizationsAreReachedOnTheGroupWhereTheyRegisteredAlsoAfterARestart) {
    start_css(both_groups());
    start_edges();
    expect_exchange(random_octets(1'000'000, 6), random_octets(1'000'000, 7));
    publish_to_other("m");
    EXPECT_TRUE(eventually([&] { return has_other("m"); })) << css_->output();
    EXPECT_EQ(answer_of_other(*stranger_, "model/m/data"), "hello") << "its own, not the object of that name in acme";
    // The nodes stay connected, so that they do not register again.
    ASSERT_EQ(css_->terminate(), 0);
    css_->start();
    ASSERT_EQ(publish(*css_, "model", "later", R"({"destinationType":"camera"})", "x"), 204);
    publish_to_other("later");
    EXPECT_TRUE(eventually([&] { return deliveries(*css_, "model", "later") == "cam1=delivered"; })) << css_->output();
    EXPECT_TRUE(eventually([&] { return has_other("later"); })) << css_->output();
    expect_no_refusal(*platform_);
    expect_no_refusal(*other_);
}

TEST_F(WiotpGroups, WhoIsOnOneGroupCannotSpeakForAnOrganizationOnAnother) {
    start_css(both_groups());
    start_edges();
    cam1_->kill_hard();
    ASSERT_EQ(publish(*css_, "model", "m", R"({"destinationType":"camera"})", "x"), 204);
    stranger_->kill_hard();
    MqttClient liar(other_->port(), "g:other:camera:cam1", {"use-token-auth", "token-3"});
    const std::string topic = "iotintdev-1/type/camera/id/cam1/sync/sync-cmd";
    Message received;
    received.command = Command::Received;
    received.meta.org = "acme";
    received.meta.object_type = "model";
    received.meta.object_id = "m";
    received.meta.destination_type = received.meta.origin_type = "camera";
    received.meta.destination_id = received.meta.origin_id = "cam1";
    received.meta.instance_id = Json::parse(css_->request("GET", "objects/acme/model/m").body)["instanceID"];
    ASSERT_TRUE(liar.publish(topic, codec::command_to_json(received, {}, "mqtt")));
    received.command = Command::Deleted;
    ASSERT_TRUE(liar.publish(topic, codec::command_to_json(received, {}, "mqtt")));
    EXPECT_TRUE(
        eventually([&] { return css_->output().find("the organization acme is on the messaging group mg-a") != std::string::npos; }));
    EXPECT_EQ(deliveries(*css_, "model", "m"), "cam1=delivering");
    cam1_->start();
    EXPECT_TRUE(eventually([&] { return deliveries(*css_, "model", "m") == "cam1=delivered"; })) << css_->output();
}

TEST_F(WiotpGroups, MessagesForAGroupThatIsNoLongerThereAreDroppedAndTheOthersGoOn) {
    start_css(both_groups());
    start_edges();
    ASSERT_EQ(css_->terminate(), 0);
    start_css(Json::array({group("mg-a", *platform_)}));
    publish_to_other("lost");
    ASSERT_EQ(publish(*css_, "model", "m", R"({"destinationType":"camera"})", "x"), 204);
    EXPECT_TRUE(eventually([&] { return deliveries(*css_, "model", "m") == "cam1=delivered"; })) << css_->output();
    EXPECT_TRUE(eventually([&] { return css_->output().find("messaging group mg-b is not in BrokerAddress") != std::string::npos; }));
    EXPECT_EQ(answer_of_other(*stranger_, "model/lost/status"), "");
}

/// Inside tests/with-postgres: several instances of one CSS.
class WiotpInstances : public Wiotp {
protected:
    void SetUp() override {
        if (!database::is_there()) GTEST_SKIP() << "not inside tests/with-postgres";
        Wiotp::SetUp();
    }
};

TEST_F(WiotpInstances, ShareTheMessagesOfThePlatformByTheirCommonClientId) {
    const std::string schema = "s" + std::to_string(std::hash<std::string>()(folder_.path().string()));
    const auto instance = [&](const std::string& name) {
        auto node = std::make_unique<Node>(folder_.path(), name, database_lines(schema, css_lines({"ResendInterval 1"})));
        node->start();
        return node;
    };
    css_ = instance("one");
    const auto two = instance("two");
    cam1_ = edge("cam1");
    cam1_->start();
    ASSERT_TRUE(eventually([this] { return registered(*css_, 1); })) << css_->output();
    expect_exchange(random_octets(3'000'000, 8), random_octets(3'000'000, 9));
    ASSERT_EQ(publish(*two, "model", "of-two", R"({"destinationType":"camera"})", "2"), 204);
    EXPECT_TRUE(eventually([&] { return deliveries(*css_, "model", "of-two") == "cam1=delivered"; }));
    EXPECT_GT(platform_->deliveries()["A:acme:CSS-1"], 5);
    EXPECT_GT(platform_->deliveries()["A:acme:CSS-2"], 5);
    expect_no_refusal(*platform_);
}

}  // namespace
}  // namespace edgesync::system_test
