#include <nlohmann/json.hpp>

#include "api_fixture.h"

namespace edgesync::api {
namespace {

class Placement : public ApiTest {
protected:
    Placement() {
        for (const char* id : {"cam1", "cam2", "cam3"}) add_node("camera", id);
        publish("model", "m", R"("destinationPolicy":{"properties":[],"constraints":["a"],"services":[]})");
    }

    Answer place(const std::string& body, const std::string& key = "alice@acme", const std::string& id = "m") {
        return put("/objects/acme/model/" + id + "/destinations", body, key);
    }
    Answer post(const std::string& body, const std::string& key = "alice@acme", const std::string& id = "m") {
        return send({.method = "POST", .target = "/objects/acme/model/" + id + "/destinations", .body = body, .key = key});
    }
    /// "cam1 delivering, cam2 pending"
    std::string destinations(const std::string& id = "m") {
        const Answer answer = get("/objects/acme/model/" + id + "/destinations");
        if (answer.status == 404) return "";
        std::string text;
        for (const auto& item : nlohmann::json::parse(answer.body)) {
            text += (text.empty() ? "" : ", ") + item["destinationID"].get<std::string>() + " " + item["status"].get<std::string>();
        }
        return text;
    }
    std::optional<NotificationStatus> announced(const std::string& node, const std::string& id = "m") {
        std::optional<NotificationRecord> record;
        store_->read([&](ReadTransaction& txn) { record = txn.notification({"acme", "model", id}, {"acme", "camera", node}); });
        return record ? std::optional(record->status) : std::nullopt;
    }
    void set_status(const std::string& node, DeliveryStatus status) {
        in_store([&](WriteTransaction& txn) { txn.put_delivery({{"acme", "model", "m"}, {"acme", "camera", node}, status, ""}); });
    }
};

TEST_F(Placement, PutIsTheCompleteList) {
    EXPECT_EQ(destinations(), "");
    EXPECT_EQ(place(R"(["camera:cam1","camera:cam2"])").status, 204);
    EXPECT_EQ(destinations(), "cam1 delivering, cam2 delivering");
    EXPECT_EQ(announced("cam1"), NotificationStatus::UpdatePending);
    set_status("cam1", DeliveryStatus::Delivered);
    set_status("cam2", DeliveryStatus::Consumed);
    EXPECT_EQ(place(R"(["camera:cam1","camera:cam3"])").status, 204);
    EXPECT_EQ(destinations(), "cam1 delivered, cam3 delivering") << "those that stay keep their status";
    EXPECT_EQ(announced("cam2"), NotificationStatus::DeletePending);
    EXPECT_EQ(place("[]").status, 204);
    EXPECT_EQ(destinations(), "");
    EXPECT_EQ(announced("cam3"), NotificationStatus::DeletePending);
    EXPECT_EQ(get("/objects/acme/model/m/status").body, "ready") << "the object stays";
}

TEST_F(Placement, SendsNothingToNodesThatTheUserMayNotAddress) {
    add_node("robot", "r1");
    const auto admit = [this](const char* kind, const char* key, const char* role) {
        const std::string entry = std::string(R"({"Username":"bob","ACLUserType":"user","ACLRole":")") + role + "\"}";
        ASSERT_EQ(put(std::string("/security/") + kind + "/acme/" + key, R"({"action":"add","users":[)" + entry + "]}").status, 204);
    };
    admit("objects", "model", "aclWriter");
    admit("destinations", "camera", "na");
    EXPECT_EQ(place(R"(["camera:cam1"])", "bob@acme").status, 204);
    EXPECT_EQ(place(R"(["camera:cam1","robot:r1"])", "bob@acme").status, 403);
    EXPECT_EQ(post(R"({"action":"add","destinations":["robot:r1"]})", "bob@acme").status, 403);
    EXPECT_EQ(destinations(), "cam1 delivering");
    EXPECT_EQ(place(R"(["camera:cam1","robot:r1"])").status, 204) << "an administrator may";
    EXPECT_EQ(post(R"({"action":"remove","destinations":["robot:r1"]})", "bob@acme").status, 204);
    EXPECT_EQ(place("[]", "bob@acme").status, 204);
}

TEST_F(Placement, TakesTenThousandDestinationsAtOnce) {
    std::string list = "[";
    for (int i = 0; i < 10001; ++i) list += std::string(i > 0 ? "," : "") + R"("camera:cam1")";
    EXPECT_EQ(place(list + "]").status, 400);
    EXPECT_EQ(post(R"({"action":"add","destinations":)" + list + "]}").status, 400);
}

TEST_F(Placement, PostAddsAndRemoves) {
    EXPECT_EQ(post(R"({"action":"ADD","destinations":["camera:cam1","camera:cam2"]})").status, 204);
    EXPECT_EQ(destinations(), "cam1 delivering, cam2 delivering");
    set_status("cam1", DeliveryStatus::Delivered);
    EXPECT_EQ(post(R"({"Action":"add","Destinations":["camera:cam1"]})").status, 204) << "one that is there already";
    EXPECT_EQ(destinations(), "cam1 delivered, cam2 delivering");
    EXPECT_EQ(post(R"({"action":"remove","destinations":["camera:cam2","camera:cam3","camera:gone"]})").status, 204);
    EXPECT_EQ(destinations(), "cam1 delivered");
    EXPECT_EQ(announced("cam2"), NotificationStatus::DeletePending);
    EXPECT_EQ(announced("cam3"), std::nullopt);
    EXPECT_EQ(post(R"({"action":"remove"})").status, 204);
}

TEST_F(Placement, WaitsForAnObjectThatIsNotReady) {
    publish("model", "later", R"("destinationPolicy":{"properties":[],"constraints":["a"],"services":[]})", std::nullopt);
    EXPECT_EQ(place(R"(["camera:cam1"])", "alice@acme", "later").status, 204);
    EXPECT_EQ(destinations("later"), "cam1 pending");
    EXPECT_EQ(announced("cam1", "later"), std::nullopt);
    EXPECT_EQ(put("/objects/acme/model/later/data", "x").status, 204);
    EXPECT_EQ(destinations("later"), "cam1 delivering");
}

TEST_F(Placement, SurvivesANewVersion) {
    EXPECT_EQ(place(R"(["camera:cam1"])").status, 204);
    set_status("cam1", DeliveryStatus::Delivered);
    publish("model", "m", R"("destinationPolicy":{"properties":[],"constraints":["b"],"services":[]})");
    EXPECT_EQ(destinations(), "cam1 delivering");
}

TEST_F(Placement, RefusalsChangeNothing) {
    EXPECT_EQ(place(R"(["camera:cam1"])").status, 204);
    struct Case {
        std::string method, body;
        int status;
        std::string text;
    };
    const std::vector<Case> cases = {
        {"PUT", "", 400, "Invalid JSON for update. Error: EOF\n"},
        {"PUT", R"({"a":1})", 400, "Invalid JSON for update. Error: the body must be an array of strings\n"},
        {"PUT", R"(["camera:cam2",7])", 400, "Invalid JSON for update. Error: the array must have strings only\n"},
        {"PUT", R"(["camera:cam2","<b>:x"])", 400, "Unsupported char in destinationsList. Error: Unsupported char <, > in &lt;b&gt;:x\n"},
        {"PUT", R"(["camera:cam2","camera:cam9"])", 400, "Invalid destination camera:cam9\n"},
        {"PUT", R"(["camera:cam2","camera"])", 400, "Invalid destination camera\n"},
        {"POST", "{", 400, ""},
        {"POST", R"(["camera:cam2"])", 400, "Invalid JSON for add/remove destinations. Error: the body must be an object\n"},
        {"POST", R"({"action":"<move>","destinations":["camera:cam2"]})", 400, "Invalid action (&lt;move&gt;) in payload.\n"},
        {"POST", R"({"destinations":["camera:cam2"]})", 400, "Invalid action () in payload.\n"},
        {"POST", R"({"action":"add","destinations":"camera:cam2"})", 400,
         "Invalid JSON for add/remove destinations. Error: field destinations must be an array\n"},
        {"POST", R"({"action":"add","destinations":["camera:cam2",{}]})", 400,
         "Invalid JSON for add/remove destinations. Error: field destinations must have strings only\n"},
        {"POST", R"({"action":"add","destinations":["camera:cam2","camera:cam9"]})", 400, "Invalid destination camera:cam9\n"},
        {"POST", R"({"action":"remove","destinations":["camera:cam1","camera"]})", 400, "Invalid destination camera\n"},
        {"DELETE", "", 405, ""},
    };
    for (const auto& part : cases) {
        const Answer answer = send({.method = part.method, .target = "/objects/acme/model/m/destinations", .body = part.body});
        EXPECT_EQ(answer.status, part.status) << part.body;
        if (!part.text.empty()) {
            EXPECT_EQ(answer.body, part.text);
        }
        EXPECT_EQ(destinations(), "cam1 delivering") << part.body;
    }
}

TEST_F(Placement, NeedsAnObjectAndThePermissionToWriteIt) {
    EXPECT_EQ(place("[]", "alice@acme", "none").status, 404);
    EXPECT_EQ(post(R"({"action":"add","destinations":[]})", "alice@acme", "none").status, 404);
    for (const char* key : {"", "bob@acme", "alice@other", "node%acme", "acme/camera/cam1", "acme$so$1.0$sn"}) {
        EXPECT_EQ(place("not looked at", key).status, 403) << key;
        EXPECT_EQ(post("not looked at", key).status, 403) << key;
    }
    EXPECT_EQ(place("[]", "root@x").status, 204);
}

TEST_F(Placement, IsNotForReceivedOrDeletedObjects) {
    receive("model", "got", ObjectStatus::CompletelyReceived);
    EXPECT_EQ(place(R"(["camera:cam1"])", "alice@acme", "got").status, 400);
    EXPECT_EQ(place(R"(["camera:cam1"])").status, 204);
    EXPECT_EQ(remove("/objects/acme/model/m").status, 204);
    EXPECT_EQ(place("[]").status, 400);
}

class EdgePlacement : public EssApiTest {};

TEST_F(EdgePlacement, IsRefused) {
    publish("model", "m");
    const Answer answer = put("/objects/model/m/destinations", "[]");
    EXPECT_EQ(answer.status, 400);
    EXPECT_EQ(answer.body, "ESS doesn't support destinations update\n");
}

}  // namespace
}  // namespace edgesync::api
