// Several CSS instances on one PostgreSQL database and one MQTT broker, which gives each message of a node to one of them. Runs inside
// tests/with-postgres.
#include <gtest/gtest.h>

#include <map>
#include <sstream>

#include "tests/system/cluster.h"
#include "tests/system/database.h"
#include "tests/system/mosquitto.h"

namespace edgesync::system_test {
namespace {

using namespace std::chrono_literals;

class MqttInstances : public ::testing::Test {
protected:
    void SetUp() override {
        if (!database::is_there()) GTEST_SKIP() << "not inside tests/with-postgres";
        if (!Mosquitto::is_installed()) GTEST_SKIP() << "mosquitto is not installed";
        broker_.start();
        for (const char* name : {"one", "two", "three"}) {
            css_.push_back(std::make_unique<Node>(folder_.path(), name, css_lines()));
            css_.back()->start();
        }
        for (const char* name : {"cam1", "cam2"}) {
            edges_.push_back(make_ess(folder_.path(), name, 1, through_broker({"MaxDataChunkSize 65536", "MaxInflightChunks 4"})));
            edges_.back()->start();
        }
        ASSERT_TRUE(eventually([this] { return registered(*css_[2], 2); }, 30s)) << css_[0]->output();
    }

    std::vector<std::string> through_broker(std::vector<std::string> lines) const {
        lines.insert(lines.end(), {"CommunicationProtocol mqtt", "BrokerAddress 127.0.0.1", "BrokerPort " + std::to_string(broker_.port()),
                                   "MQTTUseSSL false"});
        return lines;
    }
    std::vector<std::string> css_lines() const {
        const std::string schema = "s" + std::to_string(std::hash<std::string>()(folder_.path().string()));
        return database_lines(schema, through_broker({"OrgID acme", "ResendInterval 1", "LeadershipTimeout 6", "MaxDataChunkSize 65536",
                                                      "MaxInflightChunks 4"}));
    }
    /// Messages of nodes that the broker gave to each instance, by its client id; under "" those that it got. By a part of their topic.
    std::map<std::string, int> shares(const std::string& topic) const {
        std::map<std::string, int> counts;
        std::istringstream log(broker_.log());
        for (std::string line; std::getline(log, line);) {
            if (line.find(topic) == std::string::npos) continue;
            static const std::string kSent = "Sending PUBLISH to ";
            if (line.find("Received PUBLISH from ") != std::string::npos) ++counts[""];
            if (const auto at = line.find(kSent); at != std::string::npos) {
                const auto begin = at + kSent.size();
                ++counts[line.substr(begin, line.find(' ', begin) - begin)];
            }
        }
        return counts;
    }
    /// None was given to two. What came before the first instance had subscribed was given to nobody, and is repeated.
    static bool is_shared_once(const std::map<std::string, int>& counts) {
        int given = 0;
        for (const auto& [client, count] : counts) given += client.empty() ? 0 : count;
        return given > 0 && given <= counts.at("");
    }
    /// At an instance that was not killed.
    const Node& css() const { return *css_.back(); }
    void expect_at_css(const std::string& id, const std::string& data) const {
        EXPECT_TRUE(eventually([&] { return status(css(), "report", id) == "completelyReceived"; }, 60s))
            << id << " is " << status(css(), "report", id) << " and " << edge_status(*edges_[0], "report", id);
        EXPECT_TRUE(css().request("GET", "objects/acme/report/" + id + "/data").body == data) << id;
    }
    void expect_at_edges(const std::string& id, const std::string& data) const {
        EXPECT_TRUE(eventually([&] { return deliveries(css(), "model", id) == "cam1=delivered,cam2=delivered"; }, 60s))
            << id << " is " << deliveries(css(), "model", id);
        for (const auto& edge : edges_) EXPECT_TRUE(edge->request("GET", "objects/model/" + id + "/data").body == data) << id;
    }

    TemporaryFolder folder_;
    Mosquitto broker_;
    std::vector<std::unique_ptr<Node>> css_;
    std::vector<std::unique_ptr<Node>> edges_;
};

constexpr char kToCameras[] = R"({"destinationType":"camera"})";

TEST_F(MqttInstances, EachMessageReachesOneOfThemAndAnyOfThemReachesTheNodes) {
    for (int i = 0; i < 30; ++i) {
        ASSERT_EQ(publish_on_edge(*edges_[0], "report", "r" + std::to_string(i), "up"), 204);
        ASSERT_EQ(publish(*css_[static_cast<std::size_t>(i) % 3], "model", "m" + std::to_string(i), kToCameras, "down"), 204);
    }
    const std::string large = random_octets(3'000'000, 1);
    ASSERT_EQ(publish_on_edge(*edges_[0], "report", "large", large), 204);
    ASSERT_EQ(publish(*css_[1], "model", "large", kToCameras, large), 204);
    for (int i = 0; i < 30; ++i) {
        expect_at_css("r" + std::to_string(i), "up");
        expect_at_edges("m" + std::to_string(i), "down");
    }
    expect_at_css("large", large);
    expect_at_edges("large", large);
    EXPECT_TRUE(is_shared_once(shares("/evt/"))) << "each to one instance";
    // The chunks of the one large report, 46 of them, and no one instance takes them all.
    const auto chunks = shares("/evt/sync-cmd-leader/");
    EXPECT_EQ(chunks.size(), 4U) << "three instances";
    for (const auto& [client, count] : chunks) EXPECT_GT(count, 5) << client;
}

TEST_F(MqttInstances, WhenOneOfThemIsKilledInTheMiddleEverythingArrivesAllTheSame) {
    std::vector<std::string> small;
    const auto publish_small = [&](int from, int to) {
        for (int i = from; i < to; ++i) {
            small.push_back(std::to_string(i));
            ASSERT_EQ(publish_on_edge(*edges_[0], "report", small.back(), small.back()), 204);
            ASSERT_EQ(publish(css(), "model", small.back(), kToCameras, small.back()), 204);
        }
    };
    const std::string large = random_octets(30'000'000, 2);
    ASSERT_EQ(publish(css(), "model", "large", kToCameras, large), 204);
    publish_small(0, 20);
    ASSERT_EQ(publish_on_edge(*edges_[0], "report", "large", large), 204);
    ASSERT_TRUE(eventually([this] { return shares("/evt/sync-cmd-leader/")[""] > 20; }, 30s)) << "chunks are on their way";
    css_[0]->kill_hard();  // It leads, some of what it was given is lost with it, and nobody tells the nodes.
    EXPECT_NE(status(css(), "report", "large"), "completelyReceived") << "the moment was too late to show anything";
    publish_small(20, 60);
    for (const auto& id : small) {
        expect_at_css(id, id);
        expect_at_edges(id, id);
    }
    expect_at_css("large", large);
    expect_at_edges("large", large);
    // And it takes part again.
    css_[0]->start();
    ASSERT_EQ(publish(*css_[0], "model", "after", kToCameras, "after"), 204);
    expect_at_edges("after", "after");
}

}  // namespace
}  // namespace edgesync::system_test
