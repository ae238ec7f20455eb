// Brokers that refuse, are silent, or speak old versions.
#include <gtest/gtest.h>

#include <thread>

#include "edgesync/sdk/error.h"
#include "tests/unit/mqtt_session/recording_listener.h"
#include "tests/unit/mqtt_session/scripted_broker.h"
#include "tests/unit/thread_limit.h"

namespace edgesync::mqtt_session {
namespace {

using Outcome = FirstAttempt::Outcome;
using Reaction = ScriptedBroker::Reaction;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// Accepts everybody; answers a SUBSCRIBE with `code_of` each filter.
ScriptedBroker::Script granting(std::function<int(const std::string&)> code_of) {
    return [code_of = std::move(code_of)](const std::string& packet) -> Reaction {
        if (is(packet, Packet::Connect)) return {connack(0)};
        if (!is(packet, Packet::Subscribe)) return {};
        std::vector<int> codes;
        for (const auto& filter : filters_of(packet)) codes.push_back(code_of(filter));
        return {suback(packet, codes)};
    };
}

TEST(ScriptedBrokers, AreConnectedToAlsoIfTheSystemHasNoThreadThatHurriesTheLibrary) {
    if (!ThreadLimit::works()) GTEST_SKIP() << "not beside a sanitizer";
    const ScriptedBroker broker(granting([](const std::string&) { return 0; }));
    TestSession one(quick_options(broker.uri()));
    // One for the session; not the next.
    const ThreadLimit limit(1, 1);
    EXPECT_EQ(one.attempt().outcome, Outcome::Connected);
    EXPECT_EQ(ThreadLimit::count(), 1);
}

struct CodeRow {
    int code;
    Outcome outcome;
    const char* reason;
};

TEST(ScriptedBrokers, ARefusalIsOneAndAnUnavailableBrokerIsTriedAgain) {
    const CodeRow rows[] = {
        {1, Outcome::Refused, "it does not speak this version of MQTT"},
        {2, Outcome::Refused, "the client id is refused"},
        {3, Outcome::Unreachable, "it is not available"},
        {4, Outcome::Refused, "wrong user name or password"},
        {5, Outcome::Refused, "not authorized"},
    };
    for (const CodeRow& row : rows) {
        const ScriptedBroker broker([&](const std::string&) { return Reaction{connack(row.code), true}; });
        TestSession one(quick_options(broker.uri()));
        const FirstAttempt attempt = one.attempt();
        EXPECT_EQ(attempt.outcome, row.outcome) << row.code;
        EXPECT_EQ(attempt.reason, row.reason) << row.code;
        const int before = broker.connections();
        EXPECT_TRUE(eventually([&] { return broker.connections() > before; })) << "it is tried again";
        EXPECT_EQ(one.log.count_of("cannot be connected to"), 1u) << "and said once";
    }
}

TEST(ScriptedBrokers, OlderVersionsAreTriedWhenANewerIsRefused) {
    for (const int known : {5, 4, 3}) {
        std::mutex mutex;
        std::vector<int> levels;
        const ScriptedBroker broker([&](const std::string& packet) -> Reaction {
            if (!is(packet, Packet::Connect)) return {};
            const std::lock_guard lock(mutex);
            levels.push_back(level_of(packet));
            if (levels.back() > known) return {connack(1), true};
            return {levels.back() == 5 ? std::string{0x20, 3, 0, 0, 0} : connack(0)};
        });
        auto options = quick_options(broker.uri());
        options.may_use_v5 = true;
        TestSession one(options);
        one.connect();
        const std::lock_guard lock(mutex);
        std::vector<int> expected;
        for (int level = 5; level >= known; --level) expected.push_back(level);
        EXPECT_EQ(levels, expected);
        EXPECT_EQ(one.log.count_of(known == 5 ? "with MQTT 5" : known == 4 ? "with MQTT 3.1.1" : "with MQTT 3.1"), 1u);
    }
}

TEST(ScriptedBrokers, OlderVersionsAreTriedWhenTheConnectionIsClosedInsteadOfAnAnswer) {
    std::atomic<int> last{0};
    const ScriptedBroker broker([&](const std::string& packet) -> Reaction {
        if (!is(packet, Packet::Connect)) return {};
        last = level_of(packet);
        return last > 3 ? Reaction{"", true} : Reaction{connack(0)};
    });
    TestSession one(quick_options(broker.uri()));
    one.connect();
    EXPECT_EQ(last, 3);
}

TEST(ScriptedBrokers, AnUnansweredAttemptIsAFailure) {
    const ScriptedBroker broker([](const std::string&) { return Reaction{}; });
    auto options = quick_options(broker.uri());
    options.connect_attempt = milliseconds(200);
    TestSession one(options);
    const FirstAttempt attempt = one.attempt();
    EXPECT_EQ(attempt.outcome, Outcome::Unreachable);
    EXPECT_EQ(attempt.reason, "it does not answer within 200 ms");
    EXPECT_TRUE(eventually([&] { return broker.connections() >= 3; }));
}

TEST(ScriptedBrokers, AStopDuringAnAttemptEndsItAtOnce) {
    const ScriptedBroker broker([](const std::string&) { return Reaction{}; });
    TestSession one(quick_options(broker.uri()));
    one.session.start();
    ASSERT_TRUE(eventually([&] { return broker.connections() > 0; }));
    const auto begin = std::chrono::steady_clock::now();
    one.session.stop();
    EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds(3));
    EXPECT_EQ(one.session.wait_first_attempt(milliseconds(0)).outcome, Outcome::Pending);
}

TEST(ScriptedBrokers, TheNextAddressIsTriedWhenOneDoesNotAnswer) {
    const ScriptedBroker silent([](const std::string&) { return Reaction{}; });
    const ScriptedBroker good(granting([](const std::string&) { return 0; }));
    auto options = quick_options("tcp://127.0.0.1:1");
    options.uris.push_back(silent.uri());
    options.uris.push_back(good.uri());
    options.connect_attempt = seconds(2);  // In which the good one must answer.
    TestSession one(options, {"a"});
    EXPECT_EQ(one.attempt().outcome, Outcome::Connected);
    EXPECT_TRUE(one.listener.waits_for_connects(1));
}

TEST(ScriptedBrokers, ARefusedFilterIsTriedAgainAndCounted) {
    const ScriptedBroker broker(granting([](const std::string& filter) { return filter == "bad" ? 0x80 : 0; }));
    TestSession one(quick_options(broker.uri()), {"bad", "good"});
    one.session.start();
    EXPECT_TRUE(eventually([&] { return one.listener.refusals().size() >= 3; }));
    EXPECT_EQ(one.listener.refusals().front(), std::vector<std::string>{"bad"});
    EXPECT_EQ(one.listener.connects(), 0);
    const SessionHealth health = one.session.health();
    EXPECT_GE(health.subscribe_failures, 3u);
    EXPECT_GT(health.since_subscribe_error, milliseconds(0));
    EXPECT_FALSE(health.is_connected);
    EXPECT_EQ(one.log.count_of("refuses the subscription of bad"), 1u);
    one.session.set_filters({"good"});
    EXPECT_TRUE(one.listener.waits_for_connects(1));
}

TEST(ScriptedBrokers, ARefusedSharedFilterCanBeReplacedAtOnce) {
    const ScriptedBroker broker(granting([](const std::string& filter) { return filter.starts_with("$share/") ? 0x80 : 0; }));
    TestSession one(quick_options(broker.uri()), {"$share/g/a"});
    one.listener.when_refused = [&](const std::vector<std::string>&) { one.session.set_filters({"a"}); };
    one.connect();
    EXPECT_EQ(one.listener.refusals(), (std::vector<std::vector<std::string>>{{"$share/g/a"}}));
    EXPECT_EQ(broker.connections(), 1) << "on the same connection";
    EXPECT_FALSE(one.session.has_shared_subscriptions());
    EXPECT_EQ(one.session.health().subscribe_failures, 1u);
}

TEST(ScriptedBrokers, ABrokerThatSaysItHasNoSharedSubscriptionsIsNotAskedForOne) {
    std::atomic<bool> was_asked{false};
    std::atomic<int> subscriptions{0};
    const ScriptedBroker broker([&](const std::string& packet) -> Reaction {
        if (is(packet, Packet::Connect)) return {std::string{0x20, 5, 0, 0, 2, 0x2a, 0}};
        if (!is(packet, Packet::Subscribe)) return {};
        ++subscriptions;
        if (packet.find("$share/") != std::string::npos) was_asked = true;
        return {std::string{static_cast<char>(0x90), 4, packet[2], packet[3], 0, 0}};
    });
    auto options = quick_options(broker.uri());
    options.may_use_v5 = true;
    TestSession one(options, {"$share/g/a"});
    one.listener.when_refused = [&](const std::vector<std::string>&) { one.session.set_filters({"a"}); };
    one.connect();
    EXPECT_FALSE(was_asked);
    EXPECT_EQ(subscriptions, 1) << "for the plain filter, before it counts as connected";
    EXPECT_FALSE(one.session.has_shared_subscriptions());
    EXPECT_EQ(broker.connections(), 1);
}

TEST(ScriptedBrokers, AnUnansweredSubscriptionEndsTheConnection) {
    const ScriptedBroker broker([](const std::string& packet) { return is(packet, Packet::Connect) ? Reaction{connack(0)} : Reaction{}; });
    auto options = quick_options(broker.uri());
    options.connect_attempt = milliseconds(200);
    TestSession one(options, {"a"});
    one.session.start();
    EXPECT_TRUE(eventually([&] { return broker.connections() >= 3; }));
    EXPECT_EQ(one.listener.connects(), 0);
}

TEST(ScriptedBrokers, AnAnswerThatComesWhileTheSubscriptionIsBeingSentIsNotMissed) {
    const ScriptedBroker broker(granting([](const std::string&) { return 0; }));
    auto options = quick_options(broker.uri());
    options.first_pause = milliseconds(1);
    options.max_backoff = milliseconds(1);
    TestSession one(options, {"a"});
    // They keep the session's thread from going on at once when it has sent the subscription.
    std::atomic<bool> is_over{false};
    std::vector<std::thread> askers;
    for (int i = 0; i < 2; ++i) {
        askers.emplace_back([&] {
            while (!is_over) static_cast<void>(one.session.health());
        });
    }
    one.session.start();
    bool is_prompt = true;
    for (int round = 1; round <= 200 && is_prompt; ++round) {
        const auto begin = std::chrono::steady_clock::now();
        is_prompt = one.listener.waits_for_connects(round) && std::chrono::steady_clock::now() - begin < seconds(5);
        EXPECT_TRUE(is_prompt) << "round " << round;
        one.session.reconnect("again");
    }
    is_over = true;
    for (auto& asker : askers) asker.join();
}

TEST(ScriptedBrokers, APublisherWaitsForRoomAndGivesUp) {
    // Reads the CONNECT and then nothing more.
    const ScriptedBroker broker([](const std::string&) { return Reaction{connack(0), false, true}; });
    auto options = quick_options(broker.uri());
    options.publish_wait = milliseconds(300);
    options.sending_bytes = 1u << 20;
    TestSession one(options);
    one.connect();
    const std::string megabyte(1u << 20, 'x');
    const auto flood = [&] {
        for (int i = 0; i < 100; ++i) one.session.publish("a", megabyte);
    };
    try {
        flood();
        FAIL() << "a broker that reads nothing took 100 MiB";
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::Timeout);
    }
    EXPECT_EQ(one.session.health().publish_failures, 1u);
    const auto begin = std::chrono::steady_clock::now();
    one.session.stop();
    EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds(3)) << "what is being written does not hold it up";
}

TEST(ScriptedBrokers, AReconnectIsCarriedOut) {
    const ScriptedBroker broker(granting([](const std::string&) { return 0; }));
    TestSession one(quick_options(broker.uri()), {"a"});
    one.connect();
    one.session.reconnect("the store is away");
    EXPECT_TRUE(one.listener.waits_for_connects(2));
    EXPECT_EQ(one.listener.losses(), std::vector<std::string>{"the store is away"});
    EXPECT_EQ(broker.connections(), 2);
}

}  // namespace
}  // namespace edgesync::mqtt_session
