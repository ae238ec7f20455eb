// An ESS makes itself known to its CSS (node protocol 6.1, 6.3, 6.5; extensions 3).
#include "tests/unit/edge_over_http/edge_node.h"
#include "tests/unit/edge_over_http/scripted_css.h"

namespace edgesync::transport_http::test {
namespace {

using http::test::eventually;

const std::vector<bool> kRegisteredOnce{true};

class RegistrationTest : public testing::Test {
protected:
    /// An object on its way in, so that a wrong "unknown" would cost something.
    void begin_reception() {
        css.answer("get data", 503);
        EXPECT_EQ(edge.announce(announced("m1", 17, 10000, 1000)).verdict, Verdict::Accepted);
        EXPECT_EQ(edge.exchange("m1"), "getdata");
    }
    bool is_registered() { return edge.registration.is_registered(); }

    ScriptedCss css;
    LoadedStore store{EDGESYNC_MEMORY_STORE};
    EdgeNode edge{store, css.port()};
};

TEST_F(RegistrationTest, TheFirstCallSaysWhoTheNodeIsAndWhatItCan) {
    ASSERT_TRUE(edge.registers());
    const auto calls = css.calls("register");
    ASSERT_EQ(calls.size(), 1U);
    EXPECT_EQ(calls[0].request.method, "PUT");
    EXPECT_EQ(calls[0].request.path, "/spi/v1/register/acme/edge/n1");
    EXPECT_EQ(calls[0].header("X-Sync-Service-Dest"), "acme/edge/n1");
    EXPECT_EQ(calls[0].header("X-Sync-Service-Capabilities"), "wait, digest");
    EXPECT_EQ(edge.registrations(), kRegisteredOnce);
}

TEST_F(RegistrationTest, SaysWhetherTheStoreKeepsItsContent) {
    ASSERT_TRUE(edge.registers());
    EXPECT_EQ(css.calls("register").at(0).request.query, "persistent-storage=false");

    LoadedStore durable{EDGESYNC_LMDB_STORE};
    EdgeNode other{durable, css.port()};
    ASSERT_TRUE(other.registers());
    EXPECT_EQ(css.calls("register").at(1).request.query, "persistent-storage=true");
}

TEST_F(RegistrationTest, IsTriedAgainByTheClockUntilItIsAcknowledged) {
    for (const int refusal : {307, 400, 403, 408, 429, 500, 502, 503, 504}) {
        ScriptedCss refusing;
        refusing.answer_in_turn("register", {refusal, refusal, 204});
        EdgeNode node{store, refusing.port()};
        node.registration.start();
        const auto ticks = node.ticks_until([&] { return node.registration.is_registered(); });
        ASSERT_TRUE(ticks) << refusal;
        EXPECT_GE(*ticks, 2) << refusal << ": more often than the clock says";
        EXPECT_EQ(refusing.actions(), (std::vector<std::string>{"register", "register", "register"})) << refusal;
    }
}

TEST_F(RegistrationTest, IsTriedAgainWhenNobodyListens) {
    css.go_away();
    edge.registration.start();
    EXPECT_TRUE(edge.ticks_until([&] { return edge.host.silent_log().warnings().size() == 1; }));
    EXPECT_FALSE(is_registered());
    ASSERT_TRUE(edge.registration_timers.fire()) << "no further attempt";
}

TEST_F(RegistrationTest, AsksOneQuestionAtATime) {
    css.answer_in_turn("register", {ScriptedCss::kHold, 204});
    edge.registration.start();
    ASSERT_TRUE(eventually([&] { return css.held() == 1; }));
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(edge.registration_timers.fire_at_once());
    ASSERT_TRUE(eventually([&] { return edge.workers.queued() == 0; }));
    css.release();
    edge.workers.stop();  // What the ticks asked for has been done now.
    EXPECT_TRUE(is_registered());
    EXPECT_EQ(css.count("register"), 1U);
    EXPECT_EQ(edge.registrations(), kRegisteredOnce);
}

TEST_F(RegistrationTest, ANodeWithoutExchangesRegistersAsNewAtOnceWhenItIsUnknown) {
    css.answer("register", 404);
    ASSERT_TRUE(edge.registers());
    EXPECT_EQ(css.actions(), (std::vector<std::string>{"register", "register-new"}));
    EXPECT_EQ(css.calls("register-new").at(0).request.path, "/spi/v1/register-new/acme/edge/n1");
    EXPECT_EQ(css.calls("register-new").at(0).header("X-Sync-Service-Capabilities"), "wait, digest");
}

TEST_F(RegistrationTest, OneWrongAnswerCostsNothing) {
    begin_reception();
    css.answer_in_turn("register", {404, 204});
    edge.registration.start();
    const auto ticks = edge.ticks_until([&] { return is_registered(); });
    ASSERT_TRUE(ticks);
    EXPECT_GE(*ticks, 1) << "the second answer must be a tick later";
    EXPECT_EQ(css.count("register-new"), 0U);
    EXPECT_TRUE(edge.object("m1")) << "a misrouted answer wiped the node";
    EXPECT_EQ(edge.exchange("m1"), "getdata");
}

TEST_F(RegistrationTest, TheSecondAnswerEndsAllExchangesAndRegistersAsNew) {
    begin_reception();
    css.answer("register", 404);
    edge.registration.start();
    const auto ticks = edge.ticks_until([&] { return is_registered(); });
    ASSERT_TRUE(ticks);
    EXPECT_GE(*ticks, 1);
    EXPECT_EQ(css.count("register"), 2U);
    EXPECT_EQ(css.count("register-new"), 1U);
    EXPECT_FALSE(edge.object("m1"));
    EXPECT_EQ(edge.exchange("m1"), "");
}

TEST_F(RegistrationTest, AnUnknownNodeKeepsItsStateIfItsNextRegistrationIsAccepted) {
    for (const bool is_known_again : {true, false}) {
        ScriptedCss forgetful;
        LoadedStore fresh{EDGESYNC_MEMORY_STORE};
        EdgeNode node{fresh, forgetful.port()};
        forgetful.answer("get data", 503);
        node.announce(announced("m1", 17, 10000, 1000));
        ASSERT_TRUE(node.registers());
        forgetful.answer_in_turn("update", {424, 204});
        node.publish("own", "octets");
        ASSERT_TRUE(eventually([&] { return !node.registration.is_registered(); }));
        EXPECT_EQ(node.exchange("m1"), "getdata") << "one answer is not enough";
        forgetful.answer("register", is_known_again ? 204 : 404);
        ASSERT_TRUE(node.ticks_until([&] { return node.registration.is_registered(); }));
        EXPECT_EQ(node.object("m1").has_value(), is_known_again);
        EXPECT_EQ(forgetful.count("register-new"), is_known_again ? 0U : 1U);
    }
}

TEST_F(RegistrationTest, ARefusedNewRegistrationIsRepeatedByTheClockNotAtOnce) {
    css.answer("register", 404);
    css.answer_in_turn("register-new", {404, 424, 404, 500, 204});
    edge.registration.start();
    const auto ticks = edge.ticks_until([&] { return is_registered(); });
    ASSERT_TRUE(ticks);
    EXPECT_EQ(css.count("register-new"), 5U);
    EXPECT_EQ(css.count("register"), 1U) << "once told that it is unknown it stays a new node";
    EXPECT_GE(*ticks, 4) << "an answer of 404 to register-new was followed by another call without a pause";
}

TEST_F(RegistrationTest, ANewRegistrationAnnouncesOwnObjectsAgain) {
    edge.publish("a", "octets");
    edge.publish("b", std::nullopt);
    EXPECT_EQ(css.count("update"), 0U) << "sent before the node was known";
    css.answer("register", 404);
    edge.registration.start();
    ASSERT_TRUE(edge.ticks_until([&] { return is_registered(); }));
    ASSERT_TRUE(eventually([&] { return css.count("update") == 2; }));
    const auto actions = css.actions();
    const auto at = [&](const std::string& action) { return std::find(actions.begin(), actions.end(), action) - actions.begin(); };
    EXPECT_LT(at("register-new"), at("update"));
}

TEST_F(RegistrationTest, WhatAnUnknownNodeKeepsDependsOnItsStore) {
    struct Row {
        const char* plugin;
        bool keeps_received;
    };
    for (const Row& row : {Row{EDGESYNC_MEMORY_STORE, false}, Row{EDGESYNC_LMDB_STORE, true}}) {
        LoadedStore kept{row.plugin};
        EdgeNode node{kept, css.port()};
        css.set_data("0123456789");
        css.answer("get data", 0);
        node.announce(announced("whole", 17, 10, 0));
        ASSERT_TRUE(eventually([&] { return node.data("whole") == "0123456789"; }));
        css.answer("get data", 503);
        node.announce(announced("part", 18, 10, 4));
        const Metadata own = node.publish("own", "octets");
        css.answer("register", 404);
        node.registration.start();
        ASSERT_TRUE(node.ticks_until([&] { return node.registration.is_registered(); }));
        EXPECT_EQ(node.object("whole").has_value(), row.keeps_received) << row.plugin;
        EXPECT_FALSE(node.object("part")) << row.plugin;
        ASSERT_TRUE(node.object("own")) << row.plugin;
        EXPECT_EQ(node.object("own")->meta.instance_id, own.instance_id) << row.plugin;
    }
}

TEST_F(RegistrationTest, WorksWithAnOlderAndWithANewerCss) {
    struct Row {
        const char* field;
        std::vector<std::string> understood;
    };
    const Row rows[] = {{"", {}}, {"wait, digest", {"wait", "digest"}}, {"wait,digest , teleport", {"wait", "digest", "teleport"}}};
    for (const Row& row : rows) {
        css.set_capabilities(row.field);
        EdgeNode node{store, css.port()};
        ASSERT_TRUE(node.registers()) << row.field;
        EXPECT_EQ(node.capabilities(), row.understood) << row.field;
    }
}

/// Which answer tells the node that it is not known, and what it does then.
TEST_F(RegistrationTest, IsRenewedWhenAnotherCallIsToldThatTheNodeIsUnknown) {
    struct Row {
        const char* action;
        int status;
        bool is_renewed;
    };
    const Row rows[] = {
        {"update", 424, true}, {"get data", 424, true}, {"update", 403, false}, {"update", 404, false}, {"get data", 500, false}};
    for (const Row& row : rows) {
        ScriptedCss forgetful;
        LoadedStore fresh{EDGESYNC_MEMORY_STORE};
        EdgeNode node{fresh, forgetful.port()};
        ASSERT_TRUE(node.registers());
        forgetful.answer(row.action, row.status);
        node.publish("own", "octets");
        node.announce(announced("m1", 17, 10000, 1000));
        ASSERT_TRUE(eventually([&] { return forgetful.count(row.action) > 0; })) << row.action;
        if (row.is_renewed) {
            EXPECT_TRUE(eventually([&] { return !node.registration.is_registered(); })) << row.action << row.status;
            EXPECT_EQ(forgetful.count("register"), 1U) << "again at once instead of by the clock";
            forgetful.answer(row.action, 0);
            EXPECT_TRUE(node.ticks_until([&] { return node.registrations().size() >= 3; })) << row.action << row.status;
            EXPECT_EQ(node.registrations(), (std::vector<bool>{true, false, true})) << row.action;
            EXPECT_EQ(forgetful.count("register"), 2U) << row.action;
        } else {
            node.fetcher.stop();
            node.outbox.stop();
            EXPECT_TRUE(node.registration.is_registered()) << row.action << row.status;
        }
    }
}

TEST_F(RegistrationTest, AResendRequestIsRepeatedUntilItIsAcknowledged) {
    ASSERT_TRUE(edge.registers());
    css.answer_in_turn("resend", {503, 500, 204});
    edge.registration.request_resend();
    ASSERT_TRUE(edge.ticks_until([&] { return css.count("resend") == 3; }));
    EXPECT_EQ(css.calls("resend").at(0).request.path, "/spi/v1/objects/acme/resend");
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(edge.registration_timers.fire());
    edge.workers.stop();  // What the ticks asked for has been done now.
    EXPECT_EQ(css.count("resend"), 3U);
}

TEST_F(RegistrationTest, LeavingSucceedsWhenTheCssForgetsOrDoesNotKnowTheNode) {
    ASSERT_TRUE(edge.registers());
    struct Row {
        int status;
        bool has_left;
    };
    for (const Row& row : {Row{204, true}, Row{404, true}, Row{424, true}, Row{403, false}, Row{500, false}, Row{503, false}}) {
        css.answer("unregister", row.status);
        EXPECT_EQ(edge.registration.unregister(), row.has_left) << row.status;
    }
    EXPECT_EQ(css.calls("unregister").at(0).request.path, "/spi/v1/unregister/acme/edge/n1");
    css.go_away();
    EXPECT_FALSE(edge.registration.unregister());
}

TEST_F(RegistrationTest, EndsWhileTheCssKeepsItWaiting) {
    css.answer("register", ScriptedCss::kHold);
    edge.registration.start();
    ASSERT_TRUE(eventually([&] { return css.held() == 1; }));
    const auto began = std::chrono::steady_clock::now();
    edge.transport.drain();
    edge.registration.stop();
    EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(5));
    EXPECT_FALSE(is_registered());
    EXPECT_EQ(edge.registration_timers.timers(), 0U) << "a timer outlives its owner";
}

}  // namespace
}  // namespace edgesync::transport_http::test
