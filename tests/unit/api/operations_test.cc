#include "api_fixture.h"

namespace edgesync::api {
namespace {

struct Row {
    const char* operation;
    const char* id;
    int status;
    std::string body;
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.operation << " " << row.id; }

class Operations : public ApiTest, public ::testing::WithParamInterface<Row> {};
TEST_P(Operations, AreAnsweredAsTheTableSays) {
    publish("model", "own");
    receive("model", "complete", ObjectStatus::CompletelyReceived);
    receive("model", "seen", ObjectStatus::ObjReceived);
    receive("model", "partial", ObjectStatus::PartiallyReceived);
    receive("model", "gone", ObjectStatus::ObjDeleted);
    const Answer answer = put("/objects/acme/model/" + std::string(GetParam().id) + "/" + GetParam().operation, "ignored");
    EXPECT_EQ(answer.status, GetParam().status);
    EXPECT_EQ(answer.body, GetParam().body);
}

const std::string kConsumed = "Failed to mark the object as consumed. Error: ";
const std::string kReceived = "Failed to mark the object as received. Error: ";
const std::string kDeleted = "Failed to confirm object's deletion. Error: ";
const std::string kActive = "Failed to mark the object as active. Error: ";

INSTANTIATE_TEST_SUITE_P(
    Rows, Operations,
    ::testing::Values(
        Row{"consumed", "complete", 204, ""}, Row{"Consumed", "seen", 204, ""},
        Row{"consumed", "missing", 400, kConsumed + "Failed to find object to mark as consumed\n"},
        Row{"consumed", "own", 400, kConsumed + "Invalid attempt to mark object in status ready as consumed\n"},
        Row{"consumed", "partial", 400, kConsumed + "Invalid attempt to mark object in status partiallyreceived as consumed\n"},
        Row{"received", "complete", 204, ""}, Row{"received", "seen", 204, ""},
        Row{"received", "missing", 400, kReceived + "Failed to find object to mark as received\n"},
        Row{"received", "gone", 400, kReceived + "Invalid attempt to mark object in status objdeleted as received\n"},
        Row{"deleted", "gone", 204, ""}, Row{"deleted", "missing", 400, kDeleted + "Failed to find object to confirm deletion\n"},
        Row{"deleted", "complete", 400, kDeleted + "Invalid attempt to confirm deletion of object in status completelyReceived\n"},
        Row{"activate", "own", 204, ""}, Row{"activate", "missing", 400, kActive + "Object not found\n"},
        Row{"activate", "complete", 400, kActive + "Can't activate object on the receiving side\n"}, Row{"policyreceived", "own", 204, ""},
        Row{"policyreceived", "missing", 404, ""}, Row{"shredded", "own", 400, ""}));

using OperationEffects = ApiTest;

TEST_F(OperationEffects, AreVisible) {
    receive("model", "m1", ObjectStatus::CompletelyReceived);
    EXPECT_EQ(put("/objects/acme/model/m1/received", "").status, 204);
    EXPECT_EQ(get("/objects/acme/model/m1/status").body, "objreceived");
    EXPECT_EQ(put("/objects/acme/model/m1/consumed", "").status, 204);
    EXPECT_EQ(get("/objects/acme/model/m1/status").body, "objconsumed");
    publish("model", "m2", "\"inactive\":true");
    EXPECT_EQ(put("/objects/acme/model/m2/activate", "").status, 204);
    EXPECT_FALSE(stored("model", "m2")->meta.inactive);
    EXPECT_EQ(put("/objects/acme/model/m2/policyreceived", "").status, 204);
    EXPECT_TRUE(stored("model", "m2")->policy_received);
}

TEST_F(OperationEffects, NeedReadersOfTheType) {
    receive("model", "m1", ObjectStatus::CompletelyReceived, [](ObjectRecord& record) { record.meta.is_public = true; });
    for (const char* operation : {"consumed", "received", "deleted", "activate", "policyreceived"}) {
        for (const char* key : {"", "alice@other", "bob@acme", "acme$v$1.0$s", "acme/camera/cam7"}) {
            EXPECT_EQ(put("/objects/acme/model/m1/" + std::string(operation), "", key).status, 403) << operation << " " << key;
        }
    }
    const Answer answer = send({.method = "POST", .target = "/objects/acme/model/m1/consumed"});
    EXPECT_EQ(answer.status, 405);
    EXPECT_EQ(answer.header("Allow"), "PUT");
    EXPECT_EQ(send({.method = "POST", .target = "/objects/acme/model/m1/consumed", .key = ""}).status, 403);
}

class EssOperations : public EssApiTest {
protected:
    void receive_with_policy(std::vector<PolicyService> removed) {
        receive("model", "m1", ObjectStatus::CompletelyReceived, [&](ObjectRecord& record) {
            record.meta.destination_policy.emplace();
            record.meta.destination_policy->services.push_back({"v", "*", "s", "[2.0,3.0)"});
            record.removed_services = std::move(removed);
        });
    }
};

TEST_F(EssOperations, RefuseMarkingThePolicy) {
    receive("model", "m1", ObjectStatus::CompletelyReceived);
    const Answer answer = put("/objects/model/m1/policyreceived", "");
    EXPECT_EQ(answer.status, 400);
    EXPECT_EQ(answer.body, "");
}

TEST_F(EssOperations, LetServicesActOnTheirObjectsOnly) {
    receive_with_policy({});
    EXPECT_EQ(put("/objects/model/m1/consumed", "", "acme$v$1.0$s").status, 403);
    EXPECT_EQ(put("/objects/model/missing/consumed", "", "acme$v$2.0$s").status, 403);
    EXPECT_EQ(put("/objects/model/m1/consumed", "", "acme$v$2.0$s").status, 204);
}

TEST_F(EssOperations, LetARemovedServiceConfirmItsRemoval) {
    receive_with_policy({{"v", "*", "s", "[1.0,2.0)"}});
    EXPECT_EQ(put("/objects/model/m1/consumed", "", "acme$v$1.0$s").status, 403);
    Answer answer = put("/objects/model/m1/deleted", "", "acme$v$2.0$s");
    EXPECT_EQ(answer.status, 400);
    EXPECT_EQ(answer.body, kDeleted + "Invalid attempt to confirm deletion of object for service not in lastRemovedPolicyServices\n");
    EXPECT_EQ(put("/objects/model/m1/deleted", "", "acme$v$1.0$s").status, 204);
    EXPECT_TRUE(stored("model", "m1")->removed_services.empty());
    EXPECT_EQ(put("/objects/model/m1/deleted", "", "acme$v$1.0$s").status, 403);
    answer = put("/objects/model/m1/deleted", "", "acme$v$2.0$s");
    EXPECT_EQ(answer.body, kDeleted + "Invalid attempt to confirm deletion of object with empty lastRemovedPolicyServices list\n");
}

}  // namespace
}  // namespace edgesync::api
