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
    std::atomic<int> count{0};
    std::vector<int> other_answers;
    std::thread client([&] {
        for (int i = 0; is_running; ++i) {
            const std::string id = "m" + std::to_string(i);
            const int status = put(id);
            if (status == 204) acknowledged.push_back(id), ++count;
            if (status == 503 && is_away) was_refused = true;
            if (status != 204 && status != 503) other_answers.push_back(status);
        }
    });
    EXPECT_TRUE(eventually([&, began = std::chrono::steady_clock::now()] {
        return std::chrono::steady_clock::now() - began > std::chrono::milliseconds(500) && count > 10;
    })) << count;
    is_away = true;
    const auto stopped = std::chrono::steady_clock::now();
    database::stop_immediately();
    EXPECT_TRUE(eventually([&] { return was_refused.load(); })) << "a call while the database is away is answered with 503";
    database::start();
    is_running = false;
    client.join();
    EXPECT_EQ(other_answers, std::vector<int>()) << "what cannot be done for now is 503";
    const std::string output = css_->output();
    std::size_t lines = 0;
    for (auto at = output.find("Work in the background failed"); at != std::string::npos; at = output.find("Work in the", at + 1)) ++lines;
    const auto away = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - stopped);
    EXPECT_LT(lines, 8U + 2U * static_cast<std::size_t>(away.count())) << output;
    EXPECT_TRUE(eventually([&] { return put("after") == 204; })) << "the CSS finds the database again by itself" << css_->output();
    EXPECT_GT(acknowledged.size(), 10U);
    acknowledged.emplace_back("after");
    expect_delivered(acknowledged);
}

TEST_F(Postgres, ACssWaitsForItsServerWhenItStarts) {
    css_ = make_css(folder_.path(), {"DatabaseConnectTimeout 300"});
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

/// What a balancer asks; nobody else asks anything meanwhile.
TEST_F(Postgres, ReadinessFollowsTheDatabase) {
    const std::vector<std::string> lines = {"AnonymousProbes true", "AnonymousProbesFrom any", "LeadershipTimeout 600",
                                            "ResendInterval 600", "OrgID acme"};
    css_ = std::make_unique<Node>(folder_.path(), "css", database_lines("readiness", lines));
    css_->start();
    const auto probe = [&](const std::string& path) { return call(css_->port(), "GET", path, "", {}, "").status; };
    EXPECT_EQ(probe("/readyz"), 200);
    database::stop_immediately();
    EXPECT_TRUE(eventually([&] { return probe("/readyz") == 503; }, std::chrono::seconds(8))) << "before it looks by itself, every 10 s";
    EXPECT_EQ(probe("/livez"), 200);
    EXPECT_NE(css_->request("GET", "health").body.find("\"problems\":[\"Store: "), std::string::npos);
    EXPECT_TRUE(eventually([&] { return css_->output().find("The store is not well: ") != std::string::npos; })) << css_->output();
    database::start();
    EXPECT_TRUE(eventually([&] { return probe("/readyz") == 200; })) << css_->output();
    EXPECT_TRUE(eventually([&] { return css_->output().find("The store is well again") != std::string::npos; })) << css_->output();
}

TEST_F(Postgres, AnInstanceWhoseDatabaseHangsIsNotReady) {
    css_ = make_css(folder_.path(), {"AnonymousProbes true"});
    css_->start();
    const auto probe = [&] { return call(css_->port(), "GET", "/readyz", "", {}, "").status; };
    EXPECT_EQ(probe(), 200);
    const bool is_frozen = database::freeze();
    if (!is_frozen) database::thaw();
    if (!is_frozen) GTEST_SKIP() << "the server's processes cannot be stopped";
    const auto frozen = std::chrono::steady_clock::now();
    EXPECT_TRUE(eventually([&] { return probe() == 503; }));
    EXPECT_LT(std::chrono::steady_clock::now() - frozen, std::chrono::seconds(25)) << "it is noticed after ten";
    database::thaw();
    EXPECT_TRUE(eventually([&] { return probe() == 200; })) << css_->output();
}

TEST_F(Postgres, LargeDataGoesThroughTheDatabaseInBothDirections) {
    start_both();
    const std::string data = random_octets(20'000'003, 5);
    ASSERT_EQ(publish(*css_, "model", "big", R"({"destinationType":"camera"})", data), 204);
    EXPECT_TRUE(eventually([&] { return deliveries(*css_, "model", "big") == "cam1=delivered"; }));
    EXPECT_TRUE(cam1_->request("GET", "objects/model/big/data").body == data);
    ASSERT_EQ(publish_on_edge(*cam1_, "report", "big", data.substr(0, 3'000'000)), 204);
    EXPECT_TRUE(eventually([&] { return status(*css_, "report", "big") == "completelyReceived"; }));
    EXPECT_TRUE(css_->request("GET", "objects/acme/report/big/data").body == data.substr(0, 3'000'000));
}

/// Many nodes that speak for themselves, four at a time.
class Crowded : public Postgres {
protected:
    static constexpr int kNodes = 1300;  // More than are woken one by one.

    /// What every node answers to, by its number.
    void each(const std::function<void(int)>& f) const {
        std::vector<std::thread> threads;
        for (int part = 0; part < 4; ++part) {
            threads.emplace_back([&f, part] {
                for (int i = part; i < kNodes; i += 4) f(i);
            });
        }
        for (auto& thread : threads) thread.join();
    }
    Answer say(int node, const std::string& method, const std::string& path, std::map<std::string, std::string> headers = {}) const {
        const std::string name = "acme/sensor/s" + std::to_string(node);
        headers["X-Sync-Service-Dest"] = name;
        return call(css_->port(), method, "/spi/v1/" + path, "", headers, name);
    }
    void register_all() const {
        each([this](int i) {
            EXPECT_EQ(say(i, "PUT", "register-new/acme/sensor/s" + std::to_string(i) + "?persistent-storage=true").status, 204) << i;
        });
    }
    int put_wide(const std::string& id) const {
        return css_
            ->request("PUT", "objects/acme/wide/" + id,
                      R"({"meta":{"objectID":")" + id + R"(","objectType":"wide","destinationType":"sensor"},"data":"aGVsbG8="})")
            .status;
    }
};

TEST_F(Crowded, AFanOutToManyNodesWakesThoseThatWait) {
    css_ = make_css(folder_.path(), {"HTTPMaxWait 300"});
    css_->start();
    register_all();
    for (const int node : {0, 500, kNodes - 1}) EXPECT_EQ(say(node, "GET", "objects/").status, 204) << "nothing yet";
    std::vector<std::thread> waiting;
    std::vector<Answer> answers(3);
    std::atomic<int> begun = 0;
    for (const int place : {0, 1, 2}) {
        waiting.emplace_back([&, place] {
            ++begun;
            answers[static_cast<std::size_t>(place)] = say(place * (kNodes - 1) / 2, "GET", "objects/", {{"Prefer", "wait=300"}});
        });
    }
    EXPECT_TRUE(eventually([&] { return begun == 3; }));
    const auto began = std::chrono::steady_clock::now();
    ASSERT_EQ(put_wide("w"), 204);
    for (auto& thread : waiting) thread.join();
    EXPECT_LT(std::chrono::steady_clock::now() - began, kPatience) << "they were woken, their time was not over";
    for (const Answer& answer : answers) EXPECT_NE(answer.body.find("\"wide\""), std::string::npos) << answer.status;
}

TEST_F(Crowded, ReportsOfManyNodesAtOnceAreAllKept) {
    css_->start();
    register_all();
    ASSERT_EQ(put_wide("w"), 204);
    const auto of_status = [this](const std::string& status) {
        const std::string body = css_->request("GET", "objects/acme/wide/w/destinations").body;
        int count = 0;
        for (auto at = body.find("\"" + status + "\""); at != std::string::npos; at = body.find("\"" + status + "\"", at + 1)) ++count;
        return count;
    };
    ASSERT_TRUE(eventually([&] { return of_status("delivering") == kNodes; }));
    const std::string meta = css_->request("GET", "objects/acme/wide/w").body;
    const auto number = [&](const std::string& name) {
        const auto at = meta.find("\"" + name + "\":") + name.size() + 3;
        return meta.substr(at, meta.find_first_of(",}", at) - at);
    };
    const std::string path = "objects/acme/wide/w/" + number("instanceID") + "/" + number("dataID") + "/";
    for (const char* action : {"updated", "received", "consumed"}) {
        each([&](int i) { EXPECT_EQ(say(i, "PUT", path + action).status, 204) << action << i; });
    }
    EXPECT_EQ(of_status("consumed"), kNodes);
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
        {"no shared folder", {"PostgresBlobPath /missing"}, "PostgresBlobPath /missing does not exist"},
        {"time is over", {"PostgresAddressCsv 127.0.0.1:1", "DatabaseConnectTimeout 1"}, "DatabaseConnectTimeout"},
    };
    for (const Refusal& one : refusals) {
        Node css(folder_.path(), "refused", database_lines("refused", one.lines));
        css.launch();
        EXPECT_GT(css.wait_for_end(), 0) << one.name << css.output();
        EXPECT_NE(css.output().find(one.said), std::string::npos) << one.name << css.output();
        std::filesystem::remove(folder_.path() / "refused.out");
    }
}

TEST_F(Postgres, TwoThatStartTogetherMigrateOnce) {
    for (int round = 0; round < 5; ++round) {
        const std::string schema = "together" + std::to_string(round);
        Node other(folder_.path(), "other" + std::to_string(round), database_lines(schema));
        Node one(folder_.path(), "one" + std::to_string(round), database_lines(schema));
        other.launch();
        one.launch();
        for (const Node* node : {&one, &other}) {
            EXPECT_TRUE(eventually([&] { return node->is_healthy(); })) << node->output();
        }
        EXPECT_TRUE(database::run("SELECT 1 / (count(*) > 1 AND count(DISTINCT xmin::text) = 1)::int FROM " + schema + ".migration"))
            << "the versions are not of one transaction";
    }
}

// PostgreSQL 15 does not write such a sequence on a replica; after its promotion, whatever needs a number fails.
TEST_F(Postgres, NoNumbersComeFromASequenceThatAPromotedReplicaCannotRead) {
    Node css(folder_.path(), "numbers", database_lines("numbers"));
    css.start();
    EXPECT_TRUE(
        database::run("SELECT 1 / (count(*) = 0)::int FROM pg_class WHERE relkind = 'S' AND relpersistence = 'u'"
                      " AND relnamespace = 'numbers'::regnamespace"));
}

TEST_F(Postgres, AnOlderProgramRefusesANewerSchema) {
    Node css(folder_.path(), "newer", database_lines("newer"));
    css.start();
    EXPECT_EQ(css.terminate(), 0);
    ASSERT_TRUE(database::run("INSERT INTO newer.migration VALUES (1000)"));
    css.launch();
    EXPECT_GT(css.wait_for_end(), 0) << css.output();
    EXPECT_NE(css.output().find("it was written by a newer version"), std::string::npos) << css.output();
}

}  // namespace
}  // namespace edgesync::system_test
