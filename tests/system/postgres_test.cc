// A CSS whose store is a PostgreSQL database: the database goes away and comes back, the CSS is killed, settings are wrong. Runs
// inside tests/with-postgres, which also lets every other test of this program use the database.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tests/system/cluster.h"
#include "tests/system/database.h"

namespace edgesync::system_test {
namespace {

class Postgres : public ::testing::Test {
protected:
    void SetUp() override {
        if (!database::is_there()) GTEST_SKIP() << "not inside tests/with-postgres";
        css_ = make_css(folder_.path());
    }
    void start_both() {
        css_->start();
        cam1_ = make_ess(folder_.path(), "cam1", css_->port());
        cam1_->start();
        ASSERT_TRUE(eventually([this] { return registered(*css_, 1); }));
    }
    int put(const std::string& id) const {
        const std::string body =
            R"({"meta":{"objectID":")" + id + R"(","objectType":"model","destinationType":"camera"},"data":"aGVsbG8="})";
        return css_->request("PUT", "objects/acme/model/" + id, body).status;
    }
    void expect_delivered(const std::vector<std::string>& ids) const {
        for (const auto& id : ids) {
            EXPECT_EQ(css_->request("GET", "objects/acme/model/" + id + "/data").body, "hello") << id;
            ASSERT_TRUE(eventually([&] { return deliveries(*css_, "model", id) == "cam1=delivered"; }))
                << id << " " << deliveries(*css_, "model", id) << css_->output();
        }
    }

    TemporaryFolder folder_;
    std::unique_ptr<Node> css_;
    std::unique_ptr<Node> cam1_;
};

TEST_F(Postgres, AServerThatStopsAtOnceLosesNothingThatWasAcknowledged) {
    start_both();
    std::atomic<bool> is_running{true};
    std::atomic<bool> is_away{false};
    std::atomic<bool> was_refused{false};
    std::vector<std::string> acknowledged;
    std::thread client([&] {
        for (int i = 0; is_running; ++i) {
            const std::string id = "m" + std::to_string(i);
            const int status = put(id);
            if (status == 204) acknowledged.push_back(id);
            if (status == 503 && is_away) was_refused = true;
        }
    });
    EXPECT_TRUE(eventually(
        [began = std::chrono::steady_clock::now()] { return std::chrono::steady_clock::now() - began > std::chrono::milliseconds(500); }));
    is_away = true;
    database::stop_immediately();
    EXPECT_TRUE(eventually([&] { return was_refused.load(); })) << "a call while the database is away is answered with 503";
    database::start();
    is_running = false;
    client.join();
    EXPECT_TRUE(eventually([&] { return put("after") == 204; })) << "the CSS finds the database again by itself" << css_->output();
    EXPECT_GT(acknowledged.size(), 10U);
    acknowledged.emplace_back("after");
    expect_delivered(acknowledged);
}

TEST_F(Postgres, ACssWaitsForItsServerWhenItStarts) {
    css_->start();
    ASSERT_EQ(put("before"), 204);
    css_->kill_hard();
    database::stop_immediately();
    css_->launch();
    EXPECT_TRUE(eventually([&] { return css_->output().find("trying again") != std::string::npos; })) << css_->output();
    database::start();
    ASSERT_TRUE(eventually([&] { return css_->is_healthy(); })) << css_->output();
    EXPECT_EQ(css_->request("GET", "objects/acme/model/before/data").body, "hello");
}

TEST_F(Postgres, LargeDataGoesThroughTheDatabaseInBothDirections) {
    start_both();
    const std::string data = random_octets(20'000'003, 5);
    ASSERT_EQ(publish(*css_, "model", "big", R"({"destinationType":"camera"})", data), 204);
    EXPECT_TRUE(eventually([&] { return deliveries(*css_, "model", "big") == "cam1=delivered"; }, std::chrono::seconds(60)));
    EXPECT_TRUE(cam1_->request("GET", "objects/model/big/data").body == data);
    ASSERT_EQ(publish_on_edge(*cam1_, "report", "big", data.substr(0, 3'000'000)), 204);
    EXPECT_TRUE(eventually([&] { return status(*css_, "report", "big") == "completelyReceived"; }));
    EXPECT_TRUE(css_->request("GET", "objects/acme/report/big/data").body == data.substr(0, 3'000'000));
}

struct Refusal {
    const char* name;
    std::vector<std::string> lines;
    const char* said;
};

TEST_F(Postgres, ARefusedStartSaysInOneLineWhy) {
    const std::vector<Refusal> refusals = {
        {"unknown user", {"PostgresUsername nobody-knows"}, "role \"nobody-knows\" does not exist"},
        {"unknown database", {"PostgresDbName missing"}, "database \"missing\" does not exist"},
        {"pinned certificates", {"PostgresPinnedCertFingerprints 00"}, "PostgresPinnedCertFingerprints is not supported"},
        {"time is over", {"PostgresAddressCsv 127.0.0.1:1", "DatabaseConnectTimeout 1"}, "DatabaseConnectTimeout"},
    };
    for (const Refusal& one : refusals) {
        Node css(folder_.path(), "refused", database_lines("refused", one.lines));
        css.launch();
        EXPECT_NE(css.wait_for_end(std::chrono::seconds(10)), 0) << one.name << css.output();
        EXPECT_NE(css.output().find(one.said), std::string::npos) << one.name << css.output();
        std::filesystem::remove(folder_.path() / "refused.out");
    }
}

TEST_F(Postgres, TwoThatStartTogetherMigrateOnce) {
    Node other(folder_.path(), "other", database_lines("together"));
    Node one(folder_.path(), "one", database_lines("together"));
    other.launch();
    one.launch();
    for (const Node* node : {&one, &other}) {
        EXPECT_TRUE(eventually([&] { return node->is_healthy(); })) << node->output();
    }
}

TEST_F(Postgres, AnOlderProgramRefusesANewerSchema) {
    Node css(folder_.path(), "newer", database_lines("newer"));
    css.start();
    EXPECT_EQ(css.terminate(), 0);
    ASSERT_TRUE(database::run("INSERT INTO newer.migration VALUES (1000)"));
    css.launch();
    EXPECT_NE(css.wait_for_end(), 0);
    EXPECT_NE(css.output().find("it was written by a newer version"), std::string::npos) << css.output();
}

}  // namespace
}  // namespace edgesync::system_test
