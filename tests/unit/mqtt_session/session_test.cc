// Sessions with the distribution's broker.
#include "plugins/mqtt-session/session.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "edgesync/sdk/error.h"
#include "tests/system/loopback.h"
#include "tests/system/mosquitto.h"
#include "tests/system/mqtt_packets.h"
#include "tests/unit/mqtt_session/recording_listener.h"

namespace edgesync::mqtt_session {
namespace {

using Outcome = FirstAttempt::Outcome;
using std::chrono::milliseconds;
using std::chrono::seconds;
using system_test::Mosquitto;
using system_test::MosquittoOptions;

class Sessions : public testing::Test {
protected:
    void SetUp() override {
        if (!Mosquitto::is_installed()) GTEST_SKIP() << "mosquitto is not installed (scripts/install-deps)";
    }
};

ErrorKind kind_of(const std::function<void()>& action) {
    try {
        action();
    } catch (const Error& error) {
        return error.kind();
    }
    ADD_FAILURE() << "nothing was thrown";
    return ErrorKind::Internal;
}

/// Waits until the broker has ended a connection that says nothing, which begins now and promised the same. False: it does not end it.
bool outlives_a_silent_client(int port, seconds keep_alive) {
    const int silent = system_test::connect_on_loopback(port);
    const std::string parameters = {4, 2, 0, static_cast<char>(keep_alive.count())};  // MQTT 3.1.1, a clean session.
    system_test::send_all(silent,
                          system_test::packet_of(0x10, system_test::text_field("MQTT") + parameters + system_test::text_field("silent")));
    std::string octets(100, '\0');
    pollfd waiting{silent, POLLIN, 0};
    ssize_t count = 1;
    while (count > 0 && ::poll(&waiting, 1, 60'000) == 1) count = ::recv(silent, octets.data(), octets.size(), 0);
    ::close(silent);
    return count <= 0;
}

TEST_F(Sessions, WhatOnePublishesTheOtherReceives) {
    Mosquitto broker;
    broker.start();
    TestSession receiver(quick_options(broker.uri()), {"a/+"});
    TestSession sender(quick_options(broker.uri()));
    receiver.connect();
    sender.connect();
    sender.session.publish("a/b", "one");
    sender.session.publish("a/c", std::string("head,and \0 octets", 17));
    sender.session.publish("a/d", "");
    sender.session.publish("b", "not this");
    sender.session.publish("a/e", "last");
    ASSERT_TRUE(receiver.listener.waits_for(4));
    const std::vector<RecordingListener::Message> expected = {
        {"a/b", "one"}, {"a/c", std::string("head,and \0 octets", 17)}, {"a/d", ""}, {"a/e", "last"}};
    EXPECT_EQ(receiver.listener.messages(), expected);
    EXPECT_TRUE(sender.session.is_connected());
    EXPECT_EQ(sender.session.wait_first_attempt(seconds(0)).outcome, Outcome::Connected);
}

TEST_F(Sessions, AWrongPasswordIsARefusalWithItsReason) {
    MosquittoOptions options;
    options.users = {{"me", "right"}};
    Mosquitto broker(options);
    broker.start();
    for (const bool may_use_v5 : {false, true}) {
        auto wrong = quick_options(broker.uri());
        wrong.user = "me";
        wrong.password = "wrong";
        wrong.may_use_v5 = may_use_v5;
        TestSession one(wrong);
        const FirstAttempt attempt = one.attempt();
        EXPECT_EQ(attempt.outcome, Outcome::Refused);
        EXPECT_EQ(attempt.reason, may_use_v5 ? "Not authorized" : "not authorized");
        wrong.password = "right";
        TestSession right(wrong);
        EXPECT_EQ(right.attempt().outcome, Outcome::Connected);
    }
}

TEST_F(Sessions, ABrokerThatRefusesAtFirstAndThenAcceptsIsUsed) {
    MosquittoOptions options;
    options.users = {{"me", "old"}};
    Mosquitto broker(options);
    broker.start();
    auto mine = quick_options(broker.uri());
    mine.user = "me";
    mine.password = "new";
    TestSession one(mine, {"a"});
    EXPECT_EQ(one.attempt().outcome, Outcome::Refused);
    EXPECT_EQ(kind_of([&] { one.session.publish("a", "x"); }), ErrorKind::NotConnected);
    broker.stop();
    broker.set_password("me", "new");
    broker.start();
    ASSERT_TRUE(one.listener.waits_for_connects(1));
    one.session.publish("a", "x");
    EXPECT_TRUE(one.listener.waits_for(1));
    EXPECT_EQ(one.session.wait_first_attempt(milliseconds(0)).outcome, Outcome::Refused) << "what the first one was stays said";
    EXPECT_EQ(one.log.count_of("cannot be connected to"), 1u);
}

TEST_F(Sessions, ABrokerThatStartsLateIsFound) {
    Mosquitto broker;
    TestSession one(quick_options(broker.uri()), {"a"});
    EXPECT_EQ(one.attempt().outcome, Outcome::Unreachable);
    EXPECT_EQ(kind_of([&] { one.session.publish("a", "x"); }), ErrorKind::NotConnected);
    const SessionHealth before = one.session.health();
    EXPECT_FALSE(before.is_connected);
    EXPECT_GT(before.last_disconnect, milliseconds(0));
    EXPECT_EQ(before.publish_failures, 1u);
    EXPECT_FALSE(before.last_error.empty());
    broker.start();
    ASSERT_TRUE(one.listener.waits_for_connects(1));
    EXPECT_TRUE(one.session.health().is_connected);
    EXPECT_EQ(one.log.count_of("cannot be connected to"), 1u);
}

TEST_F(Sessions, AfterAKillAndARestartOfTheBrokerItSubscribesAgain) {
    Mosquitto broker;
    broker.start();
    TestSession one(quick_options(broker.uri()), {"a", "b"});
    one.connect();
    for (int round = 1; round <= 2; ++round) {
        broker.kill_hard();
        ASSERT_TRUE(eventually([&] { return one.listener.losses().size() == static_cast<std::size_t>(round); }));
        EXPECT_EQ(kind_of([&] { one.session.publish("a", "x"); }), ErrorKind::NotConnected);
        broker.start();
        ASSERT_TRUE(one.listener.waits_for_connects(round + 1));
        one.session.publish(round == 1 ? "a" : "b", std::to_string(round));
        ASSERT_TRUE(one.listener.waits_for(static_cast<std::size_t>(round)));
    }
    EXPECT_EQ(one.listener.messages(), (std::vector<RecordingListener::Message>{{"a", "1"}, {"b", "2"}}));
    EXPECT_EQ(one.log.count_of("connection lost"), 2u);
}

TEST_F(Sessions, SharedFiltersGiveEachMessageToOne) {
    Mosquitto broker;
    broker.start();
    TestSession a(quick_options(broker.uri()), {"$share/g/t"});
    TestSession b(quick_options(broker.uri()), {"$share/g/t"});
    TestSession sender(quick_options(broker.uri()));
    a.connect();
    b.connect();
    sender.connect();
    EXPECT_TRUE(a.session.has_shared_subscriptions());
    for (int i = 0; i < 100; ++i) sender.session.publish("t", std::to_string(i));
    ASSERT_TRUE(eventually([&] { return a.listener.count() + b.listener.count() >= 100; }));
    std::set<std::string> seen;
    for (const auto* one : {&a, &b}) {
        for (const auto& message : one->listener.messages()) EXPECT_TRUE(seen.insert(message.second).second) << message.second << " twice";
    }
    EXPECT_EQ(seen.size(), 100u);
    EXPECT_GT(a.listener.count(), 0u);
    EXPECT_GT(b.listener.count(), 0u);
}

TEST_F(Sessions, FiltersChangeWhileItIsConnected) {
    Mosquitto broker;
    broker.start();
    TestSession one(quick_options(broker.uri()), {"old", "mark"});
    one.connect();
    one.session.set_filters({"new", "mark"});
    int round = 0;
    const auto topics_that_arrive = [&] {
        const std::string text = std::to_string(++round);
        for (const char* topic : {"old", "new", "mark"}) one.session.publish(topic, text);
        std::set<std::string> topics;
        // The broker keeps the order, so the others have come when the last has.
        EXPECT_TRUE(eventually([&] {
            for (const auto& [topic, payload] : one.listener.messages()) {
                if (payload == text) topics.insert(topic);
            }
            return topics.contains("mark");
        }));
        topics.erase("mark");
        return topics;
    };
    // The broker's answers to the changes cannot be seen from here.
    EXPECT_TRUE(eventually([&] { return topics_that_arrive() == std::set<std::string>{"new"}; }));
    EXPECT_EQ(topics_that_arrive(), std::set<std::string>{"new"}) << "and it stays so";
    EXPECT_EQ(one.listener.connects(), 1);
}

TEST_F(Sessions, TwentyThousandMessagesArriveInOrderAtASlowListener) {
    Mosquitto broker;
    broker.start();
    auto options = quick_options(broker.uri());
    options.received_messages = 40'000;
    options.sending_messages = 100;
    TestSession one(options, {"t"});
    one.listener.when_message = [](const std::string&, const std::string&) { std::this_thread::sleep_for(std::chrono::microseconds(20)); };
    one.connect();
    constexpr int kMessages = 20'000;
    for (int i = 0; i < kMessages; ++i) one.session.publish("t", std::to_string(i));
    ASSERT_TRUE(eventually([&] { return one.listener.count() == kMessages; }, seconds(60))) << one.listener.count();
    const auto messages = one.listener.messages();
    for (int i = 0; i < kMessages; ++i) ASSERT_EQ(messages[static_cast<std::size_t>(i)].second, std::to_string(i));
    EXPECT_EQ(one.session.health().lost_messages, 0u);
    EXPECT_EQ(one.session.health().publish_failures, 0u);
}

TEST_F(Sessions, AListenerThatBlocksLosesMessagesButNotTheConnection) {
    Mosquitto broker;
    broker.start();
    auto options = quick_options(broker.uri());
    options.received_messages = 10;
    options.keep_alive = seconds(8);  // The library looks once a second, and the broker waits half as long again.
    TestSession blocked(options, {"t"});
    TestSession other(quick_options(broker.uri()), {"t"});
    std::atomic<bool> is_blocking{true};
    blocked.listener.when_message = [&](const std::string&, const std::string&) { eventually([&] { return !is_blocking; }, seconds(120)); };
    blocked.connect();
    other.connect();
    for (int i = 0; i < 50; ++i) other.session.publish("t", std::to_string(i));
    ASSERT_TRUE(other.listener.waits_for(50)) << "others are not held up";
    ASSERT_TRUE(eventually([&] { return blocked.session.health().lost_messages > 0; }));
    ASSERT_TRUE(outlives_a_silent_client(broker.port(), options.keep_alive));
    EXPECT_TRUE(blocked.session.is_connected());
    blocked.session.publish("other", "x");
    is_blocking = false;
    ASSERT_TRUE(eventually([&] { return blocked.listener.count() + blocked.session.health().lost_messages == 50; }));
    EXPECT_EQ(blocked.listener.connects(), 1);
}

TEST_F(Sessions, AnswersCanBePublishedFromWithinTheListener) {
    Mosquitto broker;
    broker.start();
    TestSession server(quick_options(broker.uri()), {"question/+"});
    server.listener.when_message = [&](const std::string& topic, const std::string& payload) {
        server.session.publish("answer/" + topic.substr(topic.find('/') + 1), payload);
    };
    TestSession client(quick_options(broker.uri()), {"answer/me"});
    client.listener.when_connected = [&] { client.session.publish("question/me", "first"); };
    server.connect();
    client.connect();
    for (int i = 0; i < 1000; ++i) client.session.publish("question/me", std::to_string(i));
    ASSERT_TRUE(client.listener.waits_for(1001));
    EXPECT_EQ(client.listener.messages().front().second, "first");
}

TEST_F(Sessions, TheSecondOfTwoSmallMessagesDoesNotWaitForALateAcknowledgement) {
    Mosquitto broker;
    broker.start();
    TestSession server(quick_options(broker.uri()), {"question"});
    server.listener.when_message = [&](const std::string&, const std::string& payload) {
        server.session.publish("answer", payload);
        server.session.publish("answer", payload);
    };
    TestSession client(quick_options(broker.uri()), {"answer"});
    server.connect();
    client.connect();
    // A connection begins with acknowledgements that come at once; later they are late by 40 ms or more.
    constexpr std::size_t kFirst = 30;
    constexpr std::size_t kMost = 300;
    constexpr int kEnough = 10;
    int quick = 0;
    for (std::size_t i = 1; i <= kMost && quick < kEnough; ++i) {
        const auto begin = std::chrono::steady_clock::now();
        client.session.publish("question", std::to_string(i));
        ASSERT_TRUE(client.listener.waits_for(2 * i));
        if (i > kFirst && std::chrono::steady_clock::now() - begin < milliseconds(30)) ++quick;
    }
    EXPECT_EQ(quick, kEnough) << "however busy the machine is, some are quick";
}

TEST_F(Sessions, LargeMessagesGoThroughWhole) {
    Mosquitto broker;
    broker.start();
    TestSession one(quick_options(broker.uri()), {"t"});
    one.connect();
    std::string head(80, 'h');
    std::string octets(5'242'880, '\0');
    for (std::size_t i = 0; i < octets.size(); ++i) octets[i] = static_cast<char>(i * 2654435761u >> 24);
    constexpr int kRounds = 10;
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < kRounds; ++i) one.session.publish("t", head + octets);
    ASSERT_TRUE(one.listener.waits_for(kRounds));
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    RecordProperty("MiB_per_second", std::to_string(kRounds * 5 / took.count()));
    for (const auto& message : one.listener.messages()) EXPECT_TRUE(message.second == head + octets);
    EXPECT_EQ(one.session.largest_packet(), 0u);
}

TEST_F(Sessions, WhatTheBrokerAnnouncesWithVersion5IsKept) {
    MosquittoOptions limits;
    limits.lines = {"max_packet_size 100000"};
    Mosquitto broker(limits);
    broker.start();
    auto options = quick_options(broker.uri());
    options.may_use_v5 = true;
    TestSession one(options, {"t"});
    one.connect();
    EXPECT_EQ(one.log.count_of("with MQTT 5"), 1u);
    EXPECT_EQ(one.session.largest_packet(), 100'000u);
    EXPECT_EQ(kind_of([&] { one.session.publish("t", std::string(100'000, 'x')); }), ErrorKind::InvalidRequest);
    one.session.publish("t", std::string(100'000 - 8, 'x'));
    ASSERT_TRUE(one.listener.waits_for(1));
    EXPECT_EQ(one.listener.connects(), 1);
}

TEST_F(Sessions, WithVersion311TheLimitIsLearnedFromConnectionsThatEnd) {
    MosquittoOptions limits;
    limits.lines = {"max_packet_size 1000000"};
    Mosquitto broker(limits);
    broker.start();
    TestSession one(quick_options(broker.uri()), {"t"});
    one.connect();
    EXPECT_EQ(one.session.largest_packet(), 0u);
    // A sender that makes its messages as large as it may.
    std::size_t size = 5'242'880 + 100;
    const std::string octets(size, 'x');
    const auto sent_whole = eventually([&] {
        if (const std::size_t largest = one.session.largest_packet(); largest != 0) size = largest - 10;
        try {
            one.session.publish("t", octets.substr(0, size));
        } catch (const Error&) {
        }
        return one.listener.count() > 0;
    });
    ASSERT_TRUE(sent_whole);
    EXPECT_EQ(one.session.largest_packet(), 524'288u);
    EXPECT_EQ(one.listener.messages().front().second.size(), 524'288u - 10);
    EXPECT_EQ(one.listener.connects(), 5) << "5 MiB and 100 octets, 5 MiB, 2,000,000 and 1 MiB were too large";
    EXPECT_EQ(one.log.count_of("packets of at most"), 4u);
}

TEST_F(Sessions, ALimitThatOnlyDropsMessagesCannotBeNoticed) {
    MosquittoOptions limits;
    limits.lines = {"message_size_limit 100000"};
    Mosquitto broker(limits);
    broker.start();
    TestSession one(quick_options(broker.uri()), {"t"});
    one.connect();
    one.session.publish("t", std::string(200'000, 'x'));
    one.session.publish("t", "small");
    ASSERT_TRUE(one.listener.waits_for(1));
    EXPECT_EQ(one.listener.messages().front().second, "small");
    EXPECT_EQ(one.listener.connects(), 1);
    EXPECT_EQ(one.session.largest_packet(), 0u);
}

TEST_F(Sessions, NothingIsCalledAfterAStop) {
    Mosquitto broker;
    broker.start();
    TestSession sender(quick_options(broker.uri()));
    TestSession other(quick_options(broker.uri()), {"t"});
    sender.connect();
    other.connect();
    for (int round = 0; round < 5; ++round) {
        TestSession one(quick_options(broker.uri()), {"t"});
        one.connect();
        std::atomic<bool> is_over{false};
        std::thread flood([&] {
            while (!is_over) {
                try {
                    sender.session.publish("t", "x");
                } catch (const Error& error) {
                    ADD_FAILURE() << error.what();
                    return;
                }
            }
        });
        EXPECT_TRUE(one.listener.waits_for(10));
        const auto begin = std::chrono::steady_clock::now();
        one.session.stop();
        EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds(5));
        const auto count = one.listener.count();
        EXPECT_TRUE(other.listener.waits_for(other.listener.count() + 100)) << "the messages go on";
        EXPECT_EQ(one.listener.count(), count);
        EXPECT_TRUE(one.listener.losses().empty());
        EXPECT_EQ(kind_of([&] { one.session.publish("t", "x"); }), ErrorKind::NotConnected);
        is_over = true;
        flood.join();
    }
}

TEST_F(Sessions, ManyPublishOnOneSessionWhileTheBrokerComesAndGoes) {
    Mosquitto broker;
    broker.start();
    TestSession one(quick_options(broker.uri()), {"t"});
    one.connect();
    std::atomic<bool> is_over{false};
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            while (!is_over) {
                try {
                    one.session.publish("t", std::string(1000, 'x'));
                } catch (const Error& error) {
                    EXPECT_EQ(error.kind(), ErrorKind::NotConnected);
                    std::this_thread::sleep_for(milliseconds(1));
                }
            }
        });
    }
    for (int round = 1; round <= 3; ++round) {
        EXPECT_TRUE(one.listener.waits_for(one.listener.count() + 100));
        round % 2 == 1 ? broker.kill_hard() : broker.stop();
        broker.start();
        EXPECT_TRUE(one.listener.waits_for_connects(round + 1));
    }
    is_over = true;
    for (auto& thread : threads) thread.join();
}

TEST_F(Sessions, ManySessionsShareTheLibrary) {
    Mosquitto broker;
    broker.start();
    constexpr std::size_t kSessions = 20;
    std::vector<std::unique_ptr<TestSession>> sessions;
    for (std::size_t i = 0; i < kSessions; ++i)
        sessions.push_back(std::make_unique<TestSession>(quick_options(broker.uri()), std::vector<std::string>{"t/" + std::to_string(i)}));
    for (auto& one : sessions) one->session.start();
    for (auto& one : sessions) ASSERT_TRUE(one->listener.waits_for_connects(1));
    for (std::size_t i = 0; i < kSessions; ++i) sessions[i]->session.publish("t/" + std::to_string((i + 1) % kSessions), std::to_string(i));
    for (auto& one : sessions) EXPECT_TRUE(one->listener.waits_for(1));
}

TEST_F(Sessions, APrivateAddressIsNotSpokenToUnlessAllowed) {
    Mosquitto broker;
    broker.start();
    for (const std::string host : {"127.0.0.1", "localhost"}) {
        auto options = quick_options("tcp://" + host + ":" + std::to_string(broker.port()));
        options.allows_private = false;
        TestSession one(options);
        const FirstAttempt attempt = one.attempt();
        EXPECT_EQ(attempt.outcome, Outcome::Unreachable);
        EXPECT_NE(attempt.reason.find("AllowPrivateIPs"), std::string::npos) << attempt.reason;
    }
    EXPECT_EQ(broker.log().find("New client"), std::string::npos);
}

TEST_F(Sessions, AnUnknownHostIsUnreachable) {
    TestSession one(quick_options("tcp://broker.invalid:1883"));
    const FirstAttempt attempt = one.attempt();
    EXPECT_EQ(attempt.outcome, Outcome::Unreachable);
    EXPECT_NE(attempt.reason.find("broker.invalid"), std::string::npos) << attempt.reason;
}

TEST_F(Sessions, WebSocketsWork) {
    MosquittoOptions options;
    // It does not start with a WebSocket listener alone.
    options.lines = {"protocol websockets", "listener " + std::to_string(system_test::free_port()) + " 127.0.0.1"};
    Mosquitto broker(options);
    broker.start();
    TestSession one(quick_options("ws://127.0.0.1:" + std::to_string(broker.port()) + "/mqtt"), {"t"});
    one.connect();
    one.session.publish("t", "x");
    EXPECT_TRUE(one.listener.waits_for(1));
}

}  // namespace
}  // namespace edgesync::mqtt_session
