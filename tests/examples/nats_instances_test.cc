// CSS instances that are one queue group of a NATS server: each message of a node is for one of them.
#include <map>
#include <nlohmann/json.hpp>

#include "tests/examples/nats_server.h"
#include "tests/system/broker_instances.h"

namespace edgesync::system_test {
namespace {

using Json = nlohmann::json;

class NatsInstances : public BrokerInstances {
protected:
    void SetUp() override {
        if (!NatsServer::is_installed()) GTEST_SKIP() << "nats-server is not installed";
        server_.start();
        const auto line_to = [](int port) {
            return std::vector<std::string>{"PluginPath " EDGESYNC_PLUGIN_FOLDERS, "CommunicationProtocol nats",
                                            "NATSAddress 127.0.0.1:" + std::to_string(port), "NATSUseTLS false"};
        };
        start(line_to, server_.port());
    }

    Json monitor(const std::string& page) const { return Json::parse(call(monitor_port_, "GET", page, "", {}, "").body); }
    /// Messages that the server gave to each connection which subscribes to `subject`.
    std::map<int, int> shares(const std::string& subject) const {
        std::map<int, int> counts;
        const Json page = monitor("/subsz?subs=1&limit=1000");
        for (const auto& one : page.at("subscriptions_list")) {
            if (one.at("subject").get<std::string>().starts_with(subject)) counts[one.at("cid")] += one.at("msgs").get<int>();
        }
        return counts;
    }
    static int sum(const std::map<int, int>& counts) {
        int all = 0;
        for (const auto& [connection, count] : counts) all += count;
        return all;
    }

    const int monitor_port_ = free_port();
    NatsServer server_{"http: \"127.0.0.1:" + std::to_string(monitor_port_) + "\""};
};

TEST_F(NatsInstances, EachMessageReachesOneOfThemAndAnyOfThemReachesTheNodes) {
    send_objects_both_ways();
    const auto messages = shares("edgesync.up.");
    int sent = 0;
    const Json page = monitor("/connz");
    for (const auto& one : page.at("connections")) {
        if (!messages.contains(one.at("cid"))) sent += one.at("in_msgs").get<int>();
    }
    EXPECT_LE(sum(messages), sent) << "each to one instance";
    const auto chunks = shares("edgesync.up.data.");
    EXPECT_EQ(chunks.size(), 3U);
    for (const auto& [connection, count] : chunks) EXPECT_GT(count, 5) << connection;
}

TEST_F(NatsInstances, WhenOneOfThemIsKilledInTheMiddleEverythingArrivesAllTheSame) {
    kill_one_amid_transfers([this] { return sum(shares("edgesync.up.data.")) > 40; });
}

TEST_F(NatsInstances, WhoeverHandlesThemFirstTheLastVersionStays) { change_objects_fast(); }

}  // namespace
}  // namespace edgesync::system_test
