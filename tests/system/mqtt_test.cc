// Nodes that speak MQTT through the distribution's broker, in situations that the tests of delivery do not have.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "edgesync/sdk/codec.h"
#include "tests/system/cluster.h"
#include "tests/system/mosquitto.h"
#include "tests/system/mqtt_client.h"
#include "tests/system/proxy.h"

namespace edgesync::system_test {
namespace {

using std::chrono::seconds;
using Json = nlohmann::json;

std::vector<std::string> through(int port, std::vector<std::string> lines = {}) {
    lines.insert(lines.end(),
                 {"CommunicationProtocol mqtt", "BrokerAddress 127.0.0.1", "BrokerPort " + std::to_string(port), "MQTTUseSSL false"});
    return lines;
}

class Mqtt : public ::testing::Test {
protected:
    void SetUp() override {
        if (!Mosquitto::is_installed()) GTEST_SKIP() << "mosquitto is not installed";
    }
    void start_broker(MosquittoOptions options = {}) {
        broker_ = std::make_unique<Mosquitto>(std::move(options));
        broker_->start();
    }
    void start_css(std::vector<std::string> lines = {}) {
        css_ = make_css(folder_.path(), through(broker_->port(), std::move(lines)));
        css_->start();
    }
    std::unique_ptr<Node> edge(const std::string& id, std::vector<std::string> lines = {}) {
        return make_ess(folder_.path(), id, 1, through(broker_->port(), std::move(lines)));
    }
    void start_both() {
        start_broker();
        start_css({"OrgID acme"});
        cam1_ = edge("cam1");
        cam1_->start();
        ASSERT_TRUE(eventually([this] { return registered(*css_, 1); }));
    }
    static std::string mqtt_status(const Node& node) {
        return Json::parse(node.request("GET", "health").body)["mqttHealth"]["mqttConnectionStatus"];
    }
    static bool is_resident_below(const Node& node, long mebibytes) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
        mebibytes *= 10;  // Sanitizers keep what was freed, and shadows of everything.
#endif
        std::ifstream status("/proc/" + std::to_string(node.pid()) + "/status");
        for (std::string line; std::getline(status, line);) {
            if (line.starts_with("VmRSS:")) return std::stol(line.substr(6)) < mebibytes * 1024;
        }
        return false;
    }

    TemporaryFolder folder_;
    std::unique_ptr<Mosquitto> broker_;
    std::unique_ptr<Node> css_;
    std::unique_ptr<Node> cam1_;
};

TEST_F(Mqtt, ANodeThatTheBrokerRefusesDoesNotStartAndSaysWhy) {
    MosquittoOptions options;
    options.users = {{"node", "right"}};
    start_broker(options);
    const auto node = edge("cam1", {"MQTTUserName node", "MQTTPassword wrong"});
    node->launch();
    EXPECT_GT(node->wait_for_end(), 0);
    EXPECT_NE(node->output().find("refuses this node"), std::string::npos) << node->output();
    EXPECT_EQ(node->output().find("wrong"), std::string::npos) << "no secret in the log";
}

TEST_F(Mqtt, NodesWithPasswordsAndCertificatesExchangeOverTls) {
    MosquittoOptions options;
    options.has_tls = true;
    options.requires_client_certificate = true;
    options.users = {{"node", "right"}};
    start_broker(options);
    const std::vector<std::string> lines = {"CommunicationProtocol mqtt",
                                            "BrokerAddress localhost",
                                            "BrokerPort " + std::to_string(broker_->port()),
                                            "MQTTUserName node",
                                            "MQTTPassword right",
                                            "MQTTCACertificate " + broker_->file("authority.pem"),
                                            "MQTTSSLCert " + broker_->file("client.pem"),
                                            "MQTTSSLKey " + broker_->file("client-key.pem"),
                                            "OrgID acme"};
    css_ = make_css(folder_.path(), lines);
    css_->start();
    cam1_ = make_ess(folder_.path(), "cam1", 1, lines);
    cam1_->start();
    ASSERT_TRUE(eventually([this] { return registered(*css_, 1); })) << cam1_->output();
    const std::string data = random_octets(3'000'000, 1);
    ASSERT_EQ(publish(*css_, "model", "m", R"({"destinationType":"camera"})", data), 204);
    EXPECT_TRUE(eventually([&] { return deliveries(*css_, "model", "m") == "cam1=delivered"; }));
    EXPECT_TRUE(cam1_->request("GET", "objects/model/m/data").body == data);
}

TEST_F(Mqtt, ABrokerThatComesLateIsFoundAndItsAbsenceShows) {
    broker_ = std::make_unique<Mosquitto>();
    start_css({"OrgID acme"});
    cam1_ = edge("cam1");
    cam1_->start();
    EXPECT_TRUE(eventually([this] { return mqtt_status(*css_) == "red" && mqtt_status(*cam1_) == "red"; }));
    EXPECT_TRUE(eventually([this] { return css_->output().find("WARNING: transport-mqtt: broker 127.0.0.1:") != std::string::npos; }))
        << css_->output();
    ASSERT_EQ(publish(*css_, "model", "m", R"({"destinationType":"camera"})", "early"), 204);
    broker_->start();
    EXPECT_TRUE(eventually([&] { return deliveries(*css_, "model", "m") == "cam1=delivered"; }));
    // Yellow for some time where something could not be sent.
    EXPECT_NE(mqtt_status(*css_), "red");
    EXPECT_NE(mqtt_status(*cam1_), "red");
}

TEST_F(Mqtt, TransfersInBothDirectionsGoOnAfterTheBrokerWasKilled) {
    start_both();
    const std::string data = random_octets(60'000'000, 2);
    ASSERT_EQ(publish(*css_, "model", "down", R"({"destinationType":"camera"})", data), 204);
    ASSERT_EQ(publish_on_edge(*cam1_, "report", "up", data), 204);
    for (int round = 0; round < 3; ++round) {
        std::this_thread::sleep_for(std::chrono::milliseconds(150 * (round + 1)));  // The moment shall be any.
        broker_->kill_hard();
        broker_->start();
    }
    EXPECT_TRUE(eventually([&] { return deliveries(*css_, "model", "down") == "cam1=delivered"; }))
        << edge_status(*cam1_, "model", "down") << cam1_->output();
    EXPECT_TRUE(eventually([&] { return status(*css_, "report", "up") == "completelyReceived"; }));
    EXPECT_TRUE(cam1_->request("GET", "objects/model/down/data").body == data);
    EXPECT_TRUE(css_->request("GET", "objects/acme/report/up/data").body == data);
}

TEST_F(Mqtt, OneCssServesNodesOfBothProtocolsAndANodeMayChange) {
    start_broker();
    css_ = make_css(folder_.path(), {"CommunicationProtocol http,mqtt", "BrokerAddress 127.0.0.1",
                                     "BrokerPort " + std::to_string(broker_->port()), "MQTTUseSSL false", "OrgID acme"});
    css_->start();
    cam1_ = edge("cam1");
    cam1_->start();
    const auto cam2 = make_ess(folder_.path(), "cam2", css_->port(), {"CommunicationProtocol http"});
    cam2->start();
    ASSERT_TRUE(eventually([this] { return registered(*css_, 2); }));
    ASSERT_EQ(publish(*css_, "model", "first", R"({"destinationType":"camera"})", "1"), 204);
    ASSERT_TRUE(eventually([&] { return deliveries(*css_, "model", "first") == "cam1=delivered,cam2=delivered"; }));

    ASSERT_EQ(cam1_->terminate(), 0);
    ASSERT_EQ(publish(*css_, "model", "second", R"({"destinationType":"camera"})", "2"), 204);
    cam1_ = make_ess(folder_.path(), "cam1", css_->port(), {"CommunicationProtocol http"});  // On the same store.
    cam1_->start();
    EXPECT_TRUE(eventually([&] { return deliveries(*css_, "model", "second") == "cam1=delivered,cam2=delivered"; }))
        << deliveries(*css_, "model", "second") << cam1_->output();
    EXPECT_TRUE(registered(*css_, 2)) << "it is the same node";
    EXPECT_EQ(deliveries(*css_, "model", "first"), "cam1=delivered,cam2=delivered") << "and kept its state";
}

TEST_F(Mqtt, OrganizationsHaveBrokersOfTheirOwnAndDoNotMix) {
    start_broker();
    Mosquitto other;
    other.start();
    css_ = make_css(folder_.path(), through(broker_->port()));
    std::filesystem::create_directories(css_->root() / "sync");
    std::ofstream(css_->root() / "sync/dummy-auth.json") << R"({"syncAdmins":["root"],"regexAdmins":[".*@acme",".*@other"]})";
    css_->start();
    const auto add = [&](const std::string& org, const Mosquitto& broker) {
        return call(css_->port(), "PUT", "/api/v1/organizations/" + org, Json{{"orgid", org}, {"address", broker.uri()}}.dump(), {},
                    "root@root")
            .status;
    };
    cam1_ = edge("cam1");
    cam1_->start();
    const auto stranger = make_ess(folder_.path(), "cam2", 1, through(other.port(), {"OrgID other"}));
    stranger->start();
    EXPECT_TRUE(eventually([this] {
        return css_->output().find("there is no organization yet. BrokerAddress is not used") != std::string::npos;
    })) << css_->output();
    ASSERT_EQ(add("acme", *broker_), 204) << css_->output();
    ASSERT_EQ(add("other", other), 204);
    ASSERT_TRUE(eventually([this] { return registered(*css_, 1); })) << css_->output();
    ASSERT_EQ(publish(*css_, "model", "m", R"({"destinationType":"camera"})", "x"), 204);
    EXPECT_TRUE(eventually([&] { return deliveries(*css_, "model", "m") == "cam1=delivered"; })) << deliveries(*css_, "model", "m");
    EXPECT_EQ(call(stranger->port(), "GET", "/api/v1/objects/model/m", "", {}, "admin@other").status, 404)
        << "it is of another organization";
}

class HostileMqtt : public Mqtt {
protected:
    static std::string topic_of(const std::string& id, const char* kind = "sync-cmd") {
        return "iot-2/type/camera/id/" + id + "/evt/" + kind + "/fmt/bin";
    }
    std::string command(Command kind, const std::string& object, const std::string& who) const {
        const Json known = Json::parse(css_->request("GET", "objects/acme/model/" + object).body);
        Message message;
        message.command = kind;
        message.meta.org = "acme";
        message.meta.object_type = "model";
        message.meta.object_id = object;
        message.meta.instance_id = known.value("instanceID", std::int64_t{0});
        message.meta.destination_type = "camera";
        message.meta.destination_id = who;
        message.meta.origin_type = "camera";
        message.meta.origin_id = who;
        message.protocol = "mqtt";
        message.code_version = "1.0";
        return codec::command_to_json(message, {"acme", "camera", who}, "mqtt");
    }
};

TEST_F(HostileMqtt, WhoPretendsToBeAnotherNodeChangesNothing) {
    start_both();
    cam1_->kill_hard();
    ASSERT_EQ(publish(*css_, "model", "m", R"({"destinationType":"camera","destinationID":"cam1"})", "x"), 204);
    MqttClient stranger(broker_->port(), "stranger");
    for (const Command kind :
         {Command::Updated, Command::Received, Command::Consumed, Command::Delete, Command::Deleted, Command::Feedback}) {
        ASSERT_TRUE(stranger.publish(topic_of("stranger"), command(kind, "m", "cam1")));
    }
    // A registration in another's name, which does not make the other one either.
    ASSERT_TRUE(stranger.publish(topic_of("stranger"), command(Command::RegisterNew, "m", "cam7")));
    // The last of them is honest; when it has been handled, so have the others.
    ASSERT_TRUE(stranger.publish(topic_of("stranger"), command(Command::RegisterNew, "m", "stranger")));
    ASSERT_TRUE(eventually([this] { return registered(*css_, 2); }));
    EXPECT_EQ(deliveries(*css_, "model", "m"), "cam1=delivering");
    cam1_->start();
    EXPECT_TRUE(eventually([&] { return deliveries(*css_, "model", "m") == "cam1=delivered"; }));
}

TEST_F(HostileMqtt, MutatedMessagesDoNoHarmAndHonestOnesGoOn) {
    start_both();
    ASSERT_EQ(publish(*css_, "model", "seed", R"({"destinationType":"camera"})", "seed"), 204);
    ASSERT_TRUE(eventually([&] { return deliveries(*css_, "model", "seed") == "cam1=delivered"; }));
    std::vector<std::string> seeds;
    for (const Command kind :
         {Command::Register, Command::RegisterNew, Command::Ping, Command::Resend, Command::Update, Command::Updated, Command::GetData,
          Command::Received, Command::Consumed, Command::Delete, Command::Deleted, Command::Feedback}) {
        seeds.push_back(command(kind, "seed", "liar"));
    }
    seeds.push_back(codec::encode_data_header({"acme", "model", "seed"}, 1, 0, 4) + "seed");
    const std::vector<std::string> topics = {topic_of("liar"), topic_of("liar", "sync-cmd-leader"), topic_of("cam1"),
                                             "iot-2/type/camera/id/cam1/cmd/sync-cmd/fmt/bin", "iot-2/type//id//evt/sync-cmd/fmt/bin"};
    constexpr int kMessages = 100'000;
    std::minstd_rand random(5);
    MqttClient liar(broker_->port(), "liar");
    for (int i = 0; i < kMessages; ++i) {
        std::string payload = seeds[random() % seeds.size()];
        for (std::size_t change = random() % 4; change > 0; --change) {
            if (payload.empty()) break;
            const std::size_t at = random() % payload.size();
            switch (random() % 4) {
                case 0: payload[at] = static_cast<char>(random()); break;
                case 1: payload.erase(at, 1 + random() % 40); break;
                case 2: payload.insert(at, std::string(1 + random() % 40, static_cast<char>(random()))); break;
                default: payload.resize(at + 1); break;
            }
        }
        ASSERT_TRUE(liar.publish(topics[random() % topics.size()], payload)) << i;
        if (i % 20'000 == 0) {
            const std::string id = "honest" + std::to_string(i);
            ASSERT_EQ(publish(*css_, "model", id, R"({"destinationType":"camera","destinationID":"cam1"})", id), 204);
        }
    }
    for (int i = 0; i < kMessages; i += 20'000) {
        const std::string id = "honest" + std::to_string(i);
        EXPECT_TRUE(eventually([&] { return deliveries(*css_, "model", id) == "cam1=delivered"; }))
            << id << " is " << deliveries(*css_, "model", id);
    }
    EXPECT_TRUE(css_->is_healthy());
    EXPECT_TRUE(cam1_->is_healthy());
    EXPECT_TRUE(is_resident_below(*css_, 200));
    EXPECT_TRUE(is_resident_below(*cam1_, 200));
}

}  // namespace
}  // namespace edgesync::system_test
