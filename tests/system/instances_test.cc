// Several CSS instances on one PostgreSQL database: what one does, the others know. Runs inside tests/with-postgres.
#include <fstream>
#include <future>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/system/database.h"
#include "tests/system/instances.h"

namespace edgesync::system_test {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

/// What the node acme/camera/ID asks of a CSS.
Answer ask_as(const std::string& id, const Node& css, const std::string& method, const std::string& path,
              std::map<std::string, std::string> headers = {}) {
    const std::string name = "acme/camera/" + id;
    headers["X-Sync-Service-Dest"] = name;
    return call(css.port(), method, "/spi/v1/" + path, "", headers, name);
}

/// One poll of a node that waits to be told something.
std::future<Answer> park(const Node& css, const std::string& id) {
    return std::async(std::launch::async, [&css, id] { return ask_as(id, css, "GET", "objects/", {{"Prefer", "wait=20"}}); });
}

/// Tells how far the node is with one version of an object; the status code.
int report(const std::string& id, const Node& css, const std::string& object, std::int64_t version, const std::string& step) {
    const std::string both = std::to_string(version) + "/" + std::to_string(version);
    return ask_as(id, css, "PUT", "objects/acme/model/" + object + "/" + both + "/" + step).status;
}

TEST_F(Instances, ANodeThatIsParkedAtOneIsWokenByAPublishAtTheOther) {
    start_two();
    register_node(*one_, "acme/camera/c1");
    // The best of some, because the machine may be busy; an instance that looked itself, as it does every five seconds, would miss it.
    constexpr auto kSoon = 50ms;
    constexpr int kMost = 20;
    auto best = std::chrono::milliseconds::max();
    for (int i = 0; i < kMost && (i < 10 || best >= kSoon); ++i) {
        const std::string id = "m" + std::to_string(i);
        // Nothing waits when the poll begins, so it is parked, at the latest when the publish is.
        while (ask_as("c1", *one_, "GET", "objects/").status == 200) continue;
        auto poll = park(*one_, "c1");
        EXPECT_EQ(poll.wait_for(100ms), std::future_status::timeout);
        const auto published = Clock::now();
        ASSERT_EQ(put(*two_, id), 204);
        const Answer answer = poll.get();
        best = std::min(best, std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - published));
        ASSERT_EQ(answer.status, 200);
        EXPECT_NE(answer.body.find("\"" + id + "\""), std::string::npos) << answer.body;
        for (const char* step : {"updated", "received"}) report("c1", *one_, id, instance_id(*two_, id), step);
    }
    std::cout << "woken " << best.count() << " ms after the request to publish at the best\n";
    EXPECT_LT(best, kSoon);
}

TEST_F(Instances, ANodeThatIsParkedAtOneLearnsThatTheOtherRemovedItsOrganization) {
    start_two();
    register_node(*one_, "acme/camera/c1");
    auto poll = park(*one_, "c1");
    EXPECT_EQ(poll.wait_for(100ms), std::future_status::timeout);
    ASSERT_EQ(two_->request("DELETE", "organizations/acme").status, 204);
    EXPECT_EQ(poll.get().status, 424) << "so that it registers anew";
}

TEST_F(Instances, ANodeGetsWhatAnyOfThemPublishes) {
    start_two();
    auto ess = make_ess(folder_.path(), "cam1", one_->port());
    ess->start();
    ASSERT_TRUE(eventually([&] { return registered(*two_, 1); }));
    for (const Node* css : {one_.get(), two_.get()}) {
        const std::string id = css == one_.get() ? "first" : "second";
        ASSERT_EQ(put(*css, id), 204);
        ASSERT_TRUE(eventually([&] { return deliveries(*two_, "model", id) == "cam1=delivered"; })) << deliveries(*two_, "model", id);
        EXPECT_EQ(ess->request("GET", "objects/model/" + id + "/data").body, "hello");
        EXPECT_EQ(deliveries(*one_, "model", id), "cam1=delivered");
    }
    ASSERT_EQ(one_->request("DELETE", "objects/acme/model/second").status, 204);
    EXPECT_TRUE(eventually([&] { return ess->request("GET", "objects/model/second/data").status == 404; }));
}

TEST_F(Instances, WhatANodeSaysOfAnOlderVersionChangesNothingWhicheverOfThemHearsIt) {
    start_two();
    register_node(*one_, "acme/camera/c1");
    ASSERT_EQ(put(*one_, "m"), 204);
    for (int round = 0; round < 15; ++round) {
        const std::int64_t old = instance_id(*two_, "m");
        // Before, while and after a new version comes, at both of them at once.
        const auto say_all = [old](const Node& css) {
            for (const char* step : {"updated", "received", "consumed"}) EXPECT_LT(report("c1", css, "m", old, step), 500) << step;
        };
        auto at_one = std::async(std::launch::async, [&] { say_all(*one_); });
        auto at_two = std::async(std::launch::async, [&] { say_all(*two_); });
        ASSERT_EQ(put(round % 2 == 0 ? *one_ : *two_, "m"), 204);
        at_one.get();
        at_two.get();
        const std::int64_t present = instance_id(*one_, "m");
        ASSERT_GT(present, old);
        say_all(*one_);
        say_all(*two_);
        for (const Node* css : {one_.get(), two_.get()}) {
            EXPECT_EQ(deliveries(*css, "model", "m"), "c1=delivering") << round;
            const std::string announced = ask_as("c1", *css, "GET", "objects/").body;
            EXPECT_NE(announced.find("\"instanceID\":" + std::to_string(present)), std::string::npos) << announced;
        }
        for (const char* step : {"updated", "received"}) EXPECT_EQ(report("c1", *two_, "m", present, step), 204) << step;
        EXPECT_EQ(deliveries(*one_, "model", "m"), "c1=delivered") << "of the present version";
    }
}

TEST_F(Instances, AccessThatIsTakenAtOneIsTakenAtTheOther) {
    one_ = instance("one");
    two_ = instance("two");
    for (Node* css : {one_.get(), two_.get()}) {
        std::filesystem::create_directories(css->root() / "sync");
        std::ofstream(css->root() / "sync/dummy-auth.json") << R"({"regularUsers":["joe"],"syncAdmins":[],"exchangeAdmins":[]})";
        css->start();
    }
    const auto as_joe = [](const Node& css) { return call(css.port(), "GET", "/api/v1/objects/acme/secret/x", "", {}, "joe@acme").status; };
    EXPECT_EQ(as_joe(*one_), 403);
    EXPECT_EQ(as_joe(*two_), 403);
    const std::string joe = R"({"action":"add","users":[{"ACLUserType":"user","Username":"joe","ACLRole":"aclReader"}]})";
    const Answer added = one_->request("PUT", "security/objects/acme/secret", joe);
    ASSERT_EQ(added.status, 204) << added.body;
    EXPECT_TRUE(eventually([&] { return as_joe(*two_) == 404; }, 30s)) << as_joe(*two_);
    ASSERT_EQ(two_->request("DELETE", "security/objects/acme/secret/user/joe").status, 204);
    EXPECT_TRUE(eventually([&] { return as_joe(*one_) == 403; }, 30s)) << as_joe(*one_);
}

TEST_F(Instances, IdsGrowWhoeverPublishesAndWhateverTheClocksSay) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "the library that moves the clock cannot be loaded before a sanitizer's";
#endif
    one_ = instance("one");
    two_ = instance("two");
    two_->shift_clock(1h);
    one_->start();
    two_->start();
    std::int64_t last = 0;
    for (int i = 0; i < 20; ++i) {
        const Node& css = i % 2 == 0 ? *two_ : *one_;
        ASSERT_EQ(put(css, "m"), 204);
        const std::int64_t id = instance_id(css, "m");
        EXPECT_GT(id, last) << i;
        last = id;
    }
}

TEST_F(Instances, IdsOfAnObjectGrowAlsoWhenTheDatabasesClockGoesBack) {
    if (!database::has_clock()) GTEST_SKIP() << "not inside tests/with-postgres --clock";
    start_two();
    std::int64_t last = 0;
    // Deleted each time, so that no record remembers the id; instances notice the other time within seconds.
    const auto publish_and_delete = [&](const Node& css) {
        ASSERT_EQ(put(css, "m"), 204) << css.output();
        const std::int64_t id = instance_id(css, "m");
        EXPECT_GT(id, last);
        last = id;
        ASSERT_EQ(css.request("DELETE", "objects/acme/model/m").status, 204);
    };
    for (int i = 0; i < 4; ++i) publish_and_delete(i % 2 == 0 ? *one_ : *two_);
    database::shift_clock(-1h);
    const auto end = Clock::now() + 8s;
    for (int i = 0; Clock::now() < end; ++i) publish_and_delete(i % 3 == 0 ? *one_ : *two_);
    database::shift_clock(0s);
}

TEST_F(Instances, ALeaderWhoseClockIsAheadExpiresNothingTooEarly) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "the library that moves the clock cannot be loaded before a sanitizer's";
#endif
    one_ = instance("one");
    two_ = instance("two");
    two_->shift_clock(1h);
    two_->start();
    ASSERT_TRUE(eventually([&] { return leads(*two_); })) << two_->output();
    one_->start();
    ASSERT_EQ(put(*two_, "in-half-an-hour", expiring_in(30min)), 204) << "by the common clock it is in the future";
    ASSERT_EQ(put(*one_, "soon", expiring_in(10s)), 204);
    EXPECT_TRUE(eventually([&] { return one_->request("GET", "objects/acme/model/soon").status == 404; }));
    EXPECT_EQ(one_->request("GET", "objects/acme/model/in-half-an-hour").status, 200);
    EXPECT_TRUE(leads(*two_));
}

TEST_F(Instances, WhatAKilledInstanceLeftUndoneIsDoneByAnother) {
    start_two();
    auto ess = make_ess(folder_.path(), "cam1", two_->port());
    ess->start();
    ASSERT_TRUE(eventually([&] { return registered(*two_, 1); }));
    // Far more nodes than one transaction announces to, so that the publish leaves work.
    for (int i = 0; i < 300; ++i) {
        register_node(*two_, "acme/camera/x" + std::to_string(i));
    }
    ASSERT_EQ(put(*one_, "m"), 204);
    one_->kill_hard();
    EXPECT_TRUE(eventually([&] { return deliveries(*two_, "model", "m").find("cam1=delivered") != std::string::npos; }));
    EXPECT_EQ(ess->request("GET", "objects/model/m/data").body, "hello");
}

}  // namespace
}  // namespace edgesync::system_test
