// Who gets an object: real nodes of two types and two organizations on one CSS.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/system/cluster.h"

namespace edgesync::system_test {
namespace {

using Json = nlohmann::json;

class Addressing : public ::testing::Test {
protected:
    void SetUp() override {
        css_ = make_css(folder_.path());
        css_->start();
        cam1_ = start_node("cam1", "camera");
        cam2_ = start_node("cam2", "camera");
        robot_ = start_node("rob1", "robot");
        ASSERT_TRUE(eventually([this] { return registered(*css_, 3); }));
    }

    std::unique_ptr<Node> start_node(const std::string& id, const std::string& type, const std::string& org = "acme") {
        auto node = make_ess(folder_.path(), id, css_->port(), {"OrgID " + org, "DestinationType " + type});
        node->start();
        return node;
    }

    bool is_delivered(const std::string& id, const std::string& expected) {
        return eventually([&] { return deliveries(*css_, "model", id) == expected; });
    }
    bool becomes(const Node& ess, const std::string& id, const std::string& expected) {
        return eventually([&] { return edge_status(ess, "model", id) == expected; });
    }
    /// Whatever was addressed to the node before has arrived once this has: messages to a node keep their order.
    bool has_caught_up(const Node& ess, const std::string& type, const std::string& node) {
        const std::string id = "marker-" + node + std::to_string(++markers_);
        const std::string addressing = R"({"destinationType":")" + type + R"(","destinationID":")" + node + "\"}";
        return publish(*css_, "model", id, addressing, "x") == 204 && becomes(ess, id, "completelyReceived");
    }

    TemporaryFolder folder_;
    std::unique_ptr<Node> css_;
    std::unique_ptr<Node> cam1_;
    std::unique_ptr<Node> cam2_;
    std::unique_ptr<Node> robot_;
    int markers_ = 0;
};

TEST_F(Addressing, AnObjectReachesTheNodesThatItNamesAndNoOther) {
    struct Row {
        const char* id;
        const char* addressing;
        const char* delivered;
    };
    const std::vector<Row> rows = {
        {"node", R"({"destinationType":"camera","destinationID":"cam1"})", "cam1=delivered"},
        {"type", R"({"destinationType":"camera"})", "cam1=delivered,cam2=delivered"},
        {"other-type", R"({"destinationType":"robot"})", "rob1=delivered"},
        {"list", R"({"destinationsList":["camera:cam2","robot:rob1"]})", "cam2=delivered,rob1=delivered"},
        {"empty-list", R"({"destinationsList":[]})", "cam1=delivered,cam2=delivered,rob1=delivered"},
        {"all", "{}", "cam1=delivered,cam2=delivered,rob1=delivered"},
        {"nobody", R"({"destinationType":"drone"})", ""},
        {"wrong-type", R"({"destinationType":"robot","destinationID":"cam1"})", ""},
    };
    for (const Row& row : rows) ASSERT_EQ(publish(*css_, "model", row.id, row.addressing, row.id), 204) << row.id;
    for (const Row& row : rows) EXPECT_TRUE(is_delivered(row.id, row.delivered)) << row.id << ": " << deliveries(*css_, "model", row.id);
    ASSERT_TRUE(has_caught_up(*cam1_, "camera", "cam1"));
    ASSERT_TRUE(has_caught_up(*cam2_, "camera", "cam2"));
    ASSERT_TRUE(has_caught_up(*robot_, "robot", "rob1"));
    for (const Row& row : rows) {
        const std::vector<std::pair<const char*, const Node*>> nodes = {
            {"cam1", cam1_.get()}, {"cam2", cam2_.get()}, {"rob1", robot_.get()}};
        for (const auto& [name, node] : nodes) {
            const bool is_addressed = std::string(row.delivered).find(name) != std::string::npos;
            const Answer data = node->request("GET", std::string("objects/model/") + row.id + "/data");
            EXPECT_EQ(data.status, is_addressed ? 200 : 404) << row.id << " at " << name;
            EXPECT_EQ(data.body == row.id, is_addressed) << row.id << " at " << name;
        }
    }
}

TEST_F(Addressing, AListWithAnUnknownNodeIsRefusedAndStoresNothing) {
    const Json body = {{"meta", {{"objectID", "m"}, {"objectType", "model"}, {"destinationsList", {"camera:cam1", "camera:cam9"}}}}};
    const Answer answer = css_->request("PUT", "objects/acme/model/m", body.dump());
    EXPECT_EQ(answer.status, 400);
    EXPECT_NE(answer.body.find("Invalid destination camera:cam9"), std::string::npos) << answer.body;
    EXPECT_EQ(css_->request("GET", "objects/acme/model/m").status, 404);
}

TEST_F(Addressing, ANodeThatRegistersLateGetsWhatWasAddressedToIt) {
    ASSERT_EQ(publish(*css_, "model", "type", R"({"destinationType":"camera"})", "for cameras"), 204);
    ASSERT_EQ(publish(*css_, "model", "all", "{}", "for all"), 204);
    ASSERT_EQ(publish(*css_, "model", "node", R"({"destinationType":"camera","destinationID":"cam3"})", "for cam3"), 204);
    ASSERT_EQ(publish(*css_, "model", "robots", R"({"destinationType":"robot"})", "for robots"), 204);
    ASSERT_EQ(publish(*css_, "model", "list", R"({"destinationsList":["camera:cam1"]})", "for cam1"), 204);
    const Json waiting = {{"meta", {{"objectID", "later"}, {"objectType", "model"}, {"destinationType", "camera"}}}};
    ASSERT_EQ(css_->request("PUT", "objects/acme/model/later", waiting.dump()).status, 204);
    EXPECT_TRUE(is_delivered("all", "cam1=delivered,cam2=delivered,rob1=delivered"));

    const auto cam3 = start_node("cam3", "camera");
    EXPECT_TRUE(is_delivered("type", "cam1=delivered,cam2=delivered,cam3=delivered"));
    EXPECT_TRUE(is_delivered("all", "cam1=delivered,cam2=delivered,cam3=delivered,rob1=delivered"));
    EXPECT_TRUE(is_delivered("node", "cam3=delivered"));
    EXPECT_TRUE(is_delivered("later", "cam1=pending,cam2=pending,cam3=pending"));
    ASSERT_EQ(css_->request("PUT", "objects/acme/model/later/data", "late data").status, 204);
    EXPECT_TRUE(is_delivered("later", "cam1=delivered,cam2=delivered,cam3=delivered"));
    for (const auto& [id, data] : {std::pair{"type", "for cameras"}, {"all", "for all"}, {"node", "for cam3"}, {"later", "late data"}})
        EXPECT_EQ(cam3->request("GET", std::string("objects/model/") + id + "/data").body, data) << id;
    ASSERT_TRUE(has_caught_up(*cam3, "camera", "cam3"));
    for (const char* id : {"robots", "list"}) EXPECT_EQ(edge_status(*cam3, "model", id), "") << id;
}

TEST_F(Addressing, AnotherOrganizationSeesNothing) {
    const std::string stranger = "admin@other";
    const auto foreign = start_node("cam1-other", "camera", "other");
    ASSERT_TRUE(eventually([&] {
        const Answer nodes = call(css_->port(), "GET", "/api/v1/destinations/other", "", {}, stranger);
        return nodes.status == 200 && Json::parse(nodes.body).size() == 1;
    }));
    ASSERT_EQ(publish(*css_, "model", "all", "{}", "secret"), 204);
    ASSERT_EQ(publish(*css_, "model", "type", R"({"destinationType":"camera"})", "secret"), 204);
    EXPECT_TRUE(is_delivered("all", "cam1=delivered,cam2=delivered,rob1=delivered")) << deliveries(*css_, "model", "all");
    EXPECT_TRUE(is_delivered("type", "cam1=delivered,cam2=delivered")) << deliveries(*css_, "model", "type");
    const Json list = {{"meta", {{"objectID", "list"}, {"objectType", "model"}, {"destinationsList", {"camera:cam1-other"}}}}};
    EXPECT_EQ(css_->request("PUT", "objects/acme/model/list", list.dump()).status, 400) << "a node of another organization is unknown";

    // An object of its own with the same name is a different object.
    const std::string own = R"({"meta":{"objectID":"all","objectType":"model"},"data":"b3du"})";
    ASSERT_EQ(call(css_->port(), "PUT", "/api/v1/objects/other/model/all", own, {}, stranger).status, 204);
    EXPECT_TRUE(eventually([&] { return call(foreign->port(), "GET", "/api/v1/objects/model/all/data", "", {}, stranger).body == "own"; }));
    EXPECT_EQ(call(foreign->port(), "GET", "/api/v1/objects/model/type", "", {}, stranger).status, 404);
    EXPECT_EQ(css_->request("GET", "objects/acme/model/all/data").body, "secret");
    EXPECT_EQ(cam1_->request("GET", "objects/model/all/data").body, "secret");

    for (const char* path : {"objects/acme/model/all", "objects/acme/model/all/data", "objects/acme/model/all/status",
                             "objects/acme/model/all/destinations", "destinations/acme", "destinations/acme/camera/cam1/objects"}) {
        const Answer answer = call(css_->port(), "GET", std::string("/api/v1/") + path, "", {}, stranger);
        EXPECT_EQ(answer.status, 403) << path;
        EXPECT_EQ(answer.body.find("secret"), std::string::npos) << path;
    }
    EXPECT_EQ(call(css_->port(), "DELETE", "/api/v1/objects/acme/model/all", "", {}, stranger).status, 403);
    EXPECT_EQ(call(css_->port(), "PUT", "/api/v1/objects/acme/model/all", own, {}, stranger).status, 403);
    EXPECT_EQ(call(css_->port(), "PUT", "/api/v1/objects/acme/model/all/data", "x", {}, stranger).status, 403);
    EXPECT_EQ(css_->request("GET", "objects/acme/model/all/data").body, "secret");
}

TEST_F(Addressing, NodesThatANewVersionNoLongerNamesDeleteTheirs) {
    struct Row {
        const char* id;
        const char* before;
        const char* after;
    };
    const std::vector<Row> rows = {
        {"list", R"({"destinationsList":["camera:cam1","camera:cam2"]})", R"({"destinationsList":["camera:cam2","robot:rob1"]})"},
        {"type", R"({"destinationType":"camera"})", R"({"destinationsList":["camera:cam2","robot:rob1"]})"},
    };
    for (const Row& row : rows) {
        ASSERT_EQ(publish(*css_, "model", row.id, row.before, "first"), 204);
        ASSERT_TRUE(is_delivered(row.id, "cam1=delivered,cam2=delivered")) << row.id;
        ASSERT_EQ(publish(*css_, "model", row.id, row.after, "second"), 204);
        ASSERT_TRUE(becomes(*cam1_, row.id, "objdeleted")) << row.id << " is " << edge_status(*cam1_, "model", row.id);
        ASSERT_TRUE(is_delivered(row.id, "cam2=delivered,rob1=delivered")) << row.id << ": " << deliveries(*css_, "model", row.id);
        const std::string path = std::string("objects/model/") + row.id;
        EXPECT_EQ(cam1_->request("GET", path + "/data").status, 404) << row.id;
        EXPECT_EQ(cam2_->request("GET", path + "/data").body, "second") << row.id;
        EXPECT_EQ(robot_->request("GET", path + "/data").body, "second") << row.id;
        // The application learns of it, confirms, and nothing is left on the node; the object stays.
        const Answer updates = cam1_->request("GET", "objects/model");
        EXPECT_NE(updates.body.find("\"deleted\":true"), std::string::npos) << updates.body;
        EXPECT_EQ(cam1_->request("PUT", path + "/deleted").status, 204);
        EXPECT_TRUE(eventually([&] { return cam1_->request("GET", path).status == 404; })) << row.id;
        EXPECT_EQ(status(*css_, "model", row.id), "ready");
        // Named again, it gets the object again.
        ASSERT_EQ(publish(*css_, "model", row.id, R"({"destinationsList":["camera:cam1"]})", "third"), 204);
        EXPECT_TRUE(is_delivered(row.id, "cam1=delivered")) << row.id << ": " << deliveries(*css_, "model", row.id);
        EXPECT_EQ(cam1_->request("GET", path + "/data").body, "third") << row.id;
        EXPECT_TRUE(becomes(*cam2_, row.id, "objdeleted")) << row.id;
    }
}

}  // namespace
}  // namespace edgesync::system_test
