// CSS instances of which each gets its share of the messages that an MQTT broker has for them.
#include <map>
#include <sstream>

#include "tests/system/broker_instances.h"
#include "tests/system/mosquitto.h"

namespace edgesync::system_test {
namespace {

class MqttInstances : public BrokerInstances {
protected:
    void SetUp() override {
        if (!Mosquitto::is_installed()) GTEST_SKIP() << "mosquitto is not installed";
        broker_.start();
        const auto line_to = [](int port) {
            return std::vector<std::string>{"CommunicationProtocol mqtt", "BrokerAddress 127.0.0.1", "BrokerPort " + std::to_string(port),
                                            "MQTTUseSSL false"};
        };
        start(line_to, broker_.port());
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

    Mosquitto broker_;
};

TEST_F(MqttInstances, EachMessageReachesOneOfThemAndAnyOfThemReachesTheNodes) {
    send_objects_both_ways();
    EXPECT_TRUE(is_shared_once(shares("/evt/"))) << "each to one instance";
    const auto chunks = shares("/evt/sync-cmd-leader/");
    EXPECT_EQ(chunks.size(), 4U) << "three instances";
    for (const auto& [client, count] : chunks) EXPECT_GT(count, 5) << client;
}

TEST_F(MqttInstances, WhenOneOfThemIsKilledInTheMiddleEverythingArrivesAllTheSame) {
    kill_one_amid_transfers([this] { return shares("/evt/sync-cmd-leader/")[""] > 20; });
}

TEST_F(MqttInstances, WhoeverHandlesThemFirstTheLastVersionStays) { change_objects_fast(); }

}  // namespace
}  // namespace edgesync::system_test
