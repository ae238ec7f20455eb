#include "kernel/api/health_report.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace edgesync::api {
namespace {

using nlohmann::json;
using std::chrono::seconds;

HealthFacts facts_with_failure(seconds ago) {
    HealthFacts facts;
    facts.now = TimePoint(seconds(1'000'000));
    facts.store.write_failures = 1;
    facts.store.last_failure = facts.now - ago;
    return facts;
}

std::string store_status(const HealthFacts& facts) { return json::parse(health_report(facts))["dbHealth"]["dbStatus"]; }

TEST(HealthReport, RemembersStoreFailuresForAWhile) {
    EXPECT_EQ(store_status(facts_with_failure(seconds(119))), "red");
    EXPECT_EQ(store_status(facts_with_failure(seconds(120))), "yellow");
    EXPECT_EQ(store_status(facts_with_failure(seconds(599))), "yellow");
    EXPECT_EQ(store_status(facts_with_failure(seconds(600))), "green");
    EXPECT_EQ(json::parse(health_report(facts_with_failure(seconds(7))))["dbHealth"]["timeSinceLastReadWriteError"], 7);
}

TEST(HealthReport, IsRedWithoutTheStore) {
    HealthFacts facts;
    facts.store.is_connected = false;
    const json report = json::parse(health_report(facts));
    EXPECT_EQ(report["general"]["healthStatus"], "red");
    EXPECT_EQ(report["dbHealth"]["disconnectedFromDB"], true);
    EXPECT_FALSE(report["dbHealth"].contains("timeSinceLastReadWriteError"));
}

TEST(HealthReport, TellsAdministratorsAloneWhatIsWrongWithTheStore) {
    HealthFacts facts;
    facts.store.problem = "PostgresBlobPath /data cannot be written: \"full\"";
    facts.extras.unsendable_objects = 2;
    const json others = json::parse(health_report(facts));
    EXPECT_EQ(others["problems"], json::array({"The store; administrators are told more",
                                               "Objects of this node whose data cannot be read to send it: 2; the log names them"}));
    EXPECT_EQ(others["dbHealth"]["dbStatus"], "yellow");
    EXPECT_EQ(others["dbHealth"]["disconnectedFromDB"], false);
    EXPECT_EQ(others["general"]["healthStatus"], "yellow");
    facts.is_for_administrators = true;
    EXPECT_EQ(json::parse(health_report(facts))["problems"][0], "Store: PostgresBlobPath /data cannot be written: \"full\"");
    facts.store.is_connected = false;
    EXPECT_EQ(json::parse(health_report(facts))["dbHealth"]["dbStatus"], "red");
    facts.store.problem.clear();
    facts.extras.unsendable_objects = 0;
    EXPECT_FALSE(json::parse(health_report(facts)).contains("problems"));
}

TEST(HealthReport, NamesPluginsAndWhatIsWrongWithThem) {
    HealthFacts facts;
    EXPECT_FALSE(json::parse(health_report(facts)).contains("plugins"));
    facts.extras.plugins = {{PluginKind::Store, "lmdb", "1.0.0", false, ""}, {PluginKind::Transport, "x\"y", "2", false, ""}};
    json report = json::parse(health_report(facts));
    EXPECT_EQ(report["plugins"], json::parse(R"([{"kind":"store","name":"lmdb","version":"1.0.0"},
                                                 {"kind":"transport","name":"x\"y","version":"2"}])"));
    EXPECT_EQ(report["general"]["healthStatus"], "green");
    facts.extras.plugins[0].problem = "store-lmdb failed in read: map::at (1 since the start)";
    report = json::parse(health_report(facts));
    EXPECT_EQ(report["general"]["healthStatus"], "yellow");
    EXPECT_EQ(report["problems"][0], "The plugin lmdb; administrators are told more");
    facts.extras.plugins[1].hangs = true;
    facts.extras.plugins[1].problem = "transport-x has not come back from send for 200 s";
    facts.is_for_administrators = true;
    report = json::parse(health_report(facts));
    EXPECT_EQ(report["general"]["healthStatus"], "red");
    EXPECT_EQ(report["problems"][1], "transport-x has not come back from send for 200 s");
}

TEST(HealthReport, IncludesTheBroker) {
    HealthFacts facts;
    facts.extras.mqtt.emplace();
    facts.extras.mqtt->status = "yellow";
    facts.extras.mqtt->since_publish_error = seconds(3);
    const json report = json::parse(health_report(facts));
    EXPECT_EQ(report["general"]["healthStatus"], "yellow");
    EXPECT_EQ(report["mqttHealth"]["timeSinceLastPublishError"], 3);
    EXPECT_FALSE(report["mqttHealth"].contains("timeSinceLastSubscribeError"));
}

TEST(HealthReport, IsAsGoodAsTheWorstOfSeveralLinesAndSaysWhatIsWrongWithIt) {
    HealthFacts facts;
    LineHealth well;
    well.is_connected = true;
    well.publish_failures = 2;
    well.since_publish_failure = seconds(900);
    well.problem = "of yesterday";
    LineHealth away;
    away.problem = "broker b:1883: no route";
    away.subscribe_failures = 1;
    away.disconnected_for = seconds(7);
    add_line(facts.extras.mqtt, "mqtt", away, seconds(10));
    add_line(facts.extras.mqtt, "nats", well, seconds(10));
    json report = json::parse(health_report(facts));
    EXPECT_EQ(report["general"]["healthStatus"], "red");
    EXPECT_EQ(report["mqttHealth"], json::parse(R"({"mqttConnectionStatus":"red","subscribeFailures":1,"publishFailures":2,
        "disconnectedFromMQTTBroker":true,"lastDisconnectFromBrokerDuration":7000,"timeSinceLastPublishError":900})"));
    EXPECT_EQ(report["problems"], json::array({"The line to the broker; administrators are told more"}));
    facts.is_for_administrators = true;
    report = json::parse(health_report(facts));
    EXPECT_EQ(report["problems"], json::array({"transport-mqtt: broker b:1883: no route"}));
}

TEST(HealthReport, SaysWhatIsWrongWithALineThatDoesNotSayItItself) {
    struct Case {
        bool is_connected;
        int since_subscribe_failure;
        int since_publish_failure;
        const char* colour;
        const char* problem;  ///< Null: none.
    };
    for (const Case& one :
         {Case{false, 0, 0, "red", "not connected"}, Case{true, 100, 3, "red", "receiving failed 100 s ago; the log may say why"},
          Case{true, 500, 0, "yellow", "receiving failed 500 s ago; the log may say why"},
          Case{true, 5000, 3, "yellow", "sending failed 3 s ago; the log may say why"}, Case{true, 0, 300, "green", nullptr},
          Case{true, 0, 0, "green", nullptr}}) {
        HealthFacts facts;
        facts.is_for_administrators = true;
        LineHealth line;
        line.is_connected = one.is_connected;
        line.since_subscribe_failure = seconds(one.since_subscribe_failure);
        line.since_publish_failure = seconds(one.since_publish_failure);
        add_line(facts.extras.mqtt, "acme", line, seconds(10));
        const json report = json::parse(health_report(facts));
        EXPECT_EQ(report["mqttHealth"]["mqttConnectionStatus"], one.colour);
        EXPECT_EQ(report.value("problems", json::array()),
                  one.problem ? json::array({std::string("transport-acme: ") + one.problem}) : json::array());
    }
}

}  // namespace
}  // namespace edgesync::api
