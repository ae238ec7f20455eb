// Several CSS instances on one PostgreSQL database: what one does, the others know. Runs inside tests/with-postgres.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>

#include <array>
#include <ctime>
#include <fstream>
#include <future>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/system/cluster.h"
#include "tests/system/database.h"

namespace edgesync::system_test {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

class Instances : public ::testing::Test {
protected:
    void SetUp() override {
        if (!database::is_there()) GTEST_SKIP() << "not inside tests/with-postgres";
    }
    std::unique_ptr<Node> instance(const std::string& name, std::vector<std::string> lines = {}) {
        for (const char* line : {"ResendInterval 1", "LeadershipTimeout 6", "StorageMaintenanceInterval 1"}) lines.emplace_back(line);
        const std::string schema = "s" + std::to_string(std::hash<std::string>()(folder_.path().string()));
        return std::make_unique<Node>(folder_.path(), name, database_lines(schema, std::move(lines)));
    }
    static int put(const Node& css, const std::string& id, const std::string& meta = "") {
        const std::string body =
            R"({"meta":{"objectID":")" + id + R"(","objectType":"model","destinationType":"camera")" + meta + R"(},"data":"aGVsbG8="})";
        return css.request("PUT", "objects/acme/model/" + id, body).status;
    }
    static std::int64_t instance_id(const Node& css, const std::string& id) {
        const Answer answer = css.request("GET", "objects/acme/model/" + id);
        return answer.status == 200 ? nlohmann::json::parse(answer.body).at("instanceID").get<std::int64_t>() : 0;
    }
    static bool leads(const Node& css) {
        const std::string output = css.output();
        const auto begun = output.rfind("This instance leads the cluster");
        const auto ended = output.rfind("Another instance leads the cluster now");
        return begun != std::string::npos && (ended == std::string::npos || begun > ended);
    }
    void start_two() {
        one_ = instance("one");
        two_ = instance("two");
        one_->start();
        two_->start();
    }

    TemporaryFolder folder_;
    std::unique_ptr<Node> one_;
    std::unique_ptr<Node> two_;
};

void register_node(const Node& css, const std::string& name) {
    const std::string path = "/spi/v1/register-new/" + name + "?persistent-storage=true";
    ASSERT_EQ(call(css.port(), "PUT", path, "", {{"X-Sync-Service-Dest", name}}, name).status, 204);
}

/// One poll of a node that waits to be told something.
std::future<Answer> park(const Node& css, const std::string& id) {
    const std::string name = "acme/camera/" + id;
    return std::async(std::launch::async, [port = css.port(), name] {
        return call(port, "GET", "/spi/v1/objects/", "", {{"X-Sync-Service-Dest", name}, {"Prefer", "wait=20"}}, name);
    });
}

TEST_F(Instances, ANodeThatIsParkedAtOneIsWokenByAPublishAtTheOther) {
    start_two();
    const std::string name = "acme/camera/c1";
    register_node(*one_, name);
    auto best = 10000ms;
    for (int i = 0; i < 10; ++i) {
        const std::string id = "m" + std::to_string(i);
        // Nothing waits when the poll begins, so it is parked, at the latest when the publish is.
        while (call(one_->port(), "GET", "/spi/v1/objects/", "", {{"X-Sync-Service-Dest", name}}, name).status == 200) continue;
        auto poll = park(*one_, "c1");
        EXPECT_EQ(poll.wait_for(100ms), std::future_status::timeout);
        const auto published = Clock::now();
        ASSERT_EQ(put(*two_, id), 204);
        const Answer answer = poll.get();
        best = std::min(best, std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - published));
        ASSERT_EQ(answer.status, 200);
        EXPECT_NE(answer.body.find("\"" + id + "\""), std::string::npos) << answer.body;
        const auto item = nlohmann::json::parse(answer.body).at(0);
        const std::string version = std::to_string(instance_id(*two_, id));
        const std::string path = "/spi/v1/objects/acme/model/" + id + "/" + version + "/" + version;
        for (const char* step : {"updated", "received"})
            call(one_->port(), "PUT", path + "/" + step, "", {{"X-Sync-Service-Dest", name}}, name);
    }
    std::cout << "woken " << best.count() << " ms after the request to publish at the best of ten\n";
    EXPECT_LT(best, 50ms);
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
    EXPECT_TRUE(eventually([&] { return as_joe(*two_) == 404; }, 5s)) << as_joe(*two_);
    ASSERT_EQ(two_->request("DELETE", "security/objects/acme/secret/user/joe").status, 204);
    EXPECT_TRUE(eventually([&] { return as_joe(*one_) == 403; }, 5s)) << as_joe(*one_);
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
    const auto text = [](std::chrono::seconds ahead) {
        const std::time_t at = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now() + ahead);
        std::array<char, 32> out{};
        std::tm parts{};
        std::strftime(out.data(), out.size(), "%Y-%m-%dT%H:%M:%SZ", ::gmtime_r(&at, &parts));
        return std::string(out.data());
    };
    ASSERT_EQ(put(*two_, "in-half-an-hour", R"(,"expiration":")" + text(30min) + "\""), 204) << "by the common clock it is in the future";
    ASSERT_EQ(put(*one_, "soon", R"(,"expiration":")" + text(3s) + "\""), 204);
    EXPECT_TRUE(eventually([&] { return one_->request("GET", "objects/acme/model/soon").status == 404; }));
    EXPECT_EQ(one_->request("GET", "objects/acme/model/in-half-an-hour").status, 200);
    EXPECT_TRUE(leads(*two_));
}

TEST_F(Instances, WhenTheLeaderIsKilledAnotherOneTakesOver) {
    start_two();
    ASSERT_TRUE(leads(*one_)) << one_->output();
    EXPECT_FALSE(leads(*two_));
    one_->kill_hard();
    EXPECT_TRUE(eventually([&] { return leads(*two_); }, 15s)) << two_->output();
}

TEST_F(Instances, WhenTheLeaderStopsAnotherOneTakesOverSoon) {
    start_two();
    ASSERT_TRUE(leads(*one_));
    EXPECT_EQ(one_->terminate(), 0);
    EXPECT_TRUE(eventually([&] { return leads(*two_); }, 3s)) << "one period of the heartbeat and not the whole time-out";
}

TEST_F(Instances, ALeaderThatWasPausedFindsThatItLeadsNoMore) {
    start_two();
    ASSERT_TRUE(leads(*one_));
    ::kill(one_->pid(), SIGSTOP);
    EXPECT_TRUE(eventually([&] { return leads(*two_); }, 25s)) << two_->output();
    ::kill(one_->pid(), SIGCONT);
    EXPECT_TRUE(eventually([&] { return !leads(*one_); })) << one_->output();
    EXPECT_TRUE(leads(*two_));
    ASSERT_EQ(put(*one_, "after"), 204);
    EXPECT_EQ(two_->request("GET", "objects/acme/model/after/data").body, "hello");
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
    EXPECT_TRUE(eventually([&] { return deliveries(*two_, "model", "m").find("cam1=delivered") != std::string::npos; }, 100s));
    EXPECT_EQ(ess->request("GET", "objects/model/m/data").body, "hello");
}

}  // namespace
}  // namespace edgesync::system_test
