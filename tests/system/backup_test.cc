// A backup of the database is a backup of the CSS: what is restored from it goes on, and nodes with it. Runs inside tests/with-postgres.
#include <atomic>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/system/database.h"
#include "tests/system/instances.h"

namespace edgesync::system_test {
namespace {

using Json = nlohmann::json;

constexpr char kForCameras[] = R"({"destinationType":"camera"})";

/// Each instance has a database of its own and not a schema of the tests' one.
class Backup : public Instances {
protected:
    void SetUp() override {
        Instances::SetUp();
        if (IsSkipped()) return;
        ASSERT_TRUE(database::run("CREATE DATABASE original_" + schema_));
        one_ = instance("one", {"PostgresDbName original_" + schema_});
        two_ = instance("two", {"PostgresDbName restored_" + schema_});
        one_->start();
        node_ = make_ess(folder_.path(), "cam1", one_->port());
        node_->start();
        ASSERT_TRUE(eventually([this] { return registered(*one_, 1); }));
    }
    void TearDown() override {
        if (IsSkipped()) return;
        one_.reset();
        two_.reset();
        for (const char* name : {"original_", "restored_"}) database::run("DROP DATABASE IF EXISTS " + (name + schema_) + " WITH (FORCE)");
    }
    std::filesystem::path file() const { return folder_.path() / "edge.dump"; }
    /// The second instance takes the place of the first, with what is in the backup.
    void restore() {
        ASSERT_EQ(one_->terminate(), 0);
        ASSERT_TRUE(database::restore(file(), "restored_" + schema_));
        two_->start();
    }
    /// The node finds the second instance where it knew the first.
    void start_node() {
        node_ = make_ess(folder_.path(), "cam1", two_->port());
        node_->start();
    }
    bool is_delivered(const Node& css, const std::string& id) const {
        return eventually([&] { return deliveries(css, "model", id) == "cam1=delivered"; });
    }
    std::string data_at_node(const std::string& id) const { return node_->request("GET", "objects/model/" + id + "/data").body; }
    /// What a CSS answers to those who ask what it has.
    static std::map<std::string, std::string> everything(const Node& css) {
        std::map<std::string, std::string> answers;
        for (const std::string path :
             {"objects/acme/model?all_objects=true", "objects/acme/report?all_objects=true", "objects/acme/report", "destinations/acme",
              "destinations/acme/camera/cam1/objects", "security/objects/acme/secret", "objects/acme/model/old/data",
              "objects/acme/model/large/data", "objects/acme/model/pending/data", "objects/acme/report/up/data",
              "objects/acme/model/old/destinations", "objects/acme/model/pending/destinations"}) {
            const Answer answer = css.request("GET", path);
            EXPECT_EQ(answer.status, 200) << path;
            answers[path] = answer.body;
        }
        return answers;
    }

    std::unique_ptr<Node> node_;
};

TEST_F(Backup, ACssOnARestoredDatabaseHasTheSameAndItsNodesGoOn) {
    const std::string large = random_octets(3'000'000, 1);
    const std::string pending = random_octets(200'000, 2);
    ASSERT_EQ(publish(*one_, "model", "old", kForCameras, "old"), 204);
    ASSERT_EQ(publish(*one_, "model", "large", kForCameras, large), 204);
    ASSERT_EQ(publish_on_edge(*node_, "report", "up", "from the node"), 204);
    ASSERT_TRUE(is_delivered(*one_, "old") && is_delivered(*one_, "large"));
    ASSERT_TRUE(eventually([&] { return status(*one_, "report", "up") == "completelyReceived"; }));
    const std::string joe = R"({"action":"add","users":[{"ACLUserType":"user","Username":"joe","ACLRole":"aclReader"}]})";
    ASSERT_EQ(one_->request("PUT", "security/objects/acme/secret", joe).status, 204);
    ASSERT_EQ(node_->terminate(), 0);
    ASSERT_EQ(publish(*one_, "model", "pending", kForCameras, pending), 204);

    ASSERT_TRUE(database::back_up("original_" + schema_, file()));
    const auto before = everything(*one_);
    restore();
    EXPECT_TRUE(everything(*two_) == before) << Json(everything(*two_)).dump(1).substr(0, 10'000);

    start_node();
    EXPECT_TRUE(is_delivered(*two_, "pending")) << node_->output();
    EXPECT_TRUE(data_at_node("pending") == pending);
    EXPECT_TRUE(data_at_node("large") == large);
    EXPECT_TRUE(registered(*two_, 1)) << "it is the node of the backup";
    ASSERT_EQ(publish(*two_, "model", "new", kForCameras, "new"), 204);
    EXPECT_TRUE(is_delivered(*two_, "new"));
    EXPECT_EQ(data_at_node("new"), "new");
    ASSERT_EQ(publish_on_edge(*node_, "report", "up", "again"), 204);
    EXPECT_TRUE(eventually([&] { return two_->request("GET", "objects/acme/report/up/data").body == "again"; }));
    ASSERT_EQ(two_->request("DELETE", "objects/acme/model/large").status, 204);
    EXPECT_TRUE(eventually([&] { return node_->request("GET", "objects/model/large/data").status == 404; }));
}

TEST_F(Backup, WhatIsPublishedAfterAnOlderBackupReplacesWhatNodesHave) {
    ASSERT_EQ(publish(*one_, "model", "m", kForCameras, "in the backup"), 204);
    ASSERT_TRUE(is_delivered(*one_, "m"));
    ASSERT_TRUE(database::back_up("original_" + schema_, file()));
    ASSERT_EQ(publish(*one_, "model", "m", kForCameras, "after it"), 204);
    ASSERT_TRUE(is_delivered(*one_, "m"));
    const std::int64_t highest = instance_id(*one_, "m");
    ASSERT_EQ(node_->terminate(), 0);
    restore();
    EXPECT_LT(instance_id(*two_, "m"), highest);
    start_node();
    EXPECT_EQ(data_at_node("m"), "after it") << "the node keeps the newer version";
    ASSERT_EQ(publish(*two_, "model", "m", kForCameras, "again"), 204);
    EXPECT_GT(instance_id(*two_, "m"), highest);
    EXPECT_TRUE(is_delivered(*two_, "m"));
    EXPECT_EQ(data_at_node("m"), "again");
}

TEST_F(Backup, ANodeThatTheBackupDoesNotKnowRegistersAgainByItself) {
    ASSERT_TRUE(database::back_up("original_" + schema_, file()));
    auto late = make_ess(folder_.path(), "cam2", one_->port());
    late->start();
    ASSERT_TRUE(eventually([this] { return registered(*one_, 2); }));
    ASSERT_EQ(late->terminate(), 0);
    restore();
    EXPECT_TRUE(registered(*two_, 1));
    late = make_ess(folder_.path(), "cam2", two_->port());
    late->start();
    EXPECT_TRUE(eventually([this] { return registered(*two_, 2); })) << late->output();
}

TEST_F(Backup, ABackupWhileObjectsArriveHasEachCompletelyOrNotAtAll) {
    std::atomic<bool> is_over{false};
    std::atomic<int> published{0};
    std::thread client([&] {
        for (int i = 0; !is_over; ++i) {
            // Small data with the object, and large data after it.
            const std::string data = random_octets(i % 2 == 0 ? 100 : 100'000, static_cast<unsigned>(i));
            if (publish(*one_, "model", "m" + std::to_string(i), kForCameras, data) == 204) ++published;
        }
    });
    EXPECT_TRUE(eventually([&] { return published >= 5; }));
    EXPECT_TRUE(database::back_up("original_" + schema_, file()));
    const int known = published;
    EXPECT_TRUE(eventually([&] { return published > known; }));
    is_over = true;
    client.join();
    ASSERT_EQ(node_->terminate(), 0);
    restore();
    const Json list = Json::parse(two_->request("GET", "objects/acme/model?all_objects=true").body);
    EXPECT_GE(list.size(), 5U);
    start_node();
    // What was under way when the backup was made has ended meanwhile, which the node told the first CSS.
    ASSERT_TRUE(eventually([this] { return node_->request("POST", "resend").status == 204; }));
    for (const Json& item : list) {
        const std::string id = item.at("objectID");
        const int number = std::stoi(id.substr(1));
        if (status(*two_, "model", id) == "notReady") continue;  // Its data was not published yet.
        EXPECT_TRUE(two_->request("GET", "objects/acme/model/" + id + "/data").body ==
                    random_octets(number % 2 == 0 ? 100 : 100'000, static_cast<unsigned>(number)))
            << id;
        EXPECT_TRUE(is_delivered(*two_, id)) << id << deliveries(*two_, "model", id);
    }
}

}  // namespace
}  // namespace edgesync::system_test
