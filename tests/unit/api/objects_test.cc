#include "api_fixture.h"
#include "edgesync/sdk/codec.h"
#include "signer.h"

namespace edgesync::api {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string meta(const std::string& more = "", const std::string& id = "m1") {
    return "{\"meta\":{\"objectID\":\"" + id + "\",\"objectType\":\"model\"" + (more.empty() ? "" : ",") + more + "}";
}
std::string with_data(const std::string& more, const std::string& octets) {
    return meta(more) + ",\"data\":\"" + codec::base64_encode(octets) + "\"}";
}

constexpr char kTarget[] = "/objects/acme/model/m1";

using PutObject = ApiTest;

TEST_F(PutObject, StoresMetadataAndData) {
    EXPECT_EQ(put(kTarget, with_data("\"version\":\"1.2\"", "hello")).status, 204);
    const auto object = stored("model", "m1");
    ASSERT_TRUE(object);
    EXPECT_EQ(object->status, ObjectStatus::Ready);
    EXPECT_EQ(object->meta.object_size, 5);
    EXPECT_EQ(object->meta.version, "1.2");
    EXPECT_EQ(object->meta.owner_id, "acme/alice");
    EXPECT_EQ(object->meta.org, "acme");
    EXPECT_EQ(object->meta.origin_type, "Cloud");
    EXPECT_EQ(get("/objects/acme/model/m1/data").body, "hello");
}

TEST_F(PutObject, DistinguishesAbsentNullAndEmptyData) {
    EXPECT_EQ(put(kTarget, meta() + "}").status, 204);
    EXPECT_EQ(stored("model", "m1")->status, ObjectStatus::NotReady);
    EXPECT_EQ(put(kTarget, meta() + ",\"data\":null}").status, 204);
    EXPECT_EQ(stored("model", "m1")->status, ObjectStatus::NotReady);
    EXPECT_EQ(put(kTarget, meta() + ",\"data\":\"\"}").status, 204);
    EXPECT_EQ(stored("model", "m1")->status, ObjectStatus::Ready);
    const Answer answer = get("/objects/acme/model/m1/data");
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, "");
}

TEST_F(PutObject, KeepsLargeDataOutsideTheTransaction) {
    const std::string data(300000, 'x');
    EXPECT_EQ(put(kTarget, with_data("", data)).status, 204);
    EXPECT_EQ(get("/objects/acme/model/m1/data").body, data);
}

TEST_F(PutObject, AnswersTooMuchDataWith413) {
    settings_.values["MaxInlineObjectSize"] = "1000";
    EXPECT_EQ(put(kTarget, with_data("", std::string(1001, 'x'))).status, 413);
    EXPECT_FALSE(stored("model", "m1"));
    EXPECT_EQ(put(kTarget, with_data("", std::string(1000, 'x'))).status, 204);
}

TEST_F(PutObject, IsANewVersionEachTime) {
    publish("model", "m1");
    const auto first = stored("model", "m1")->meta.instance_id;
    publish("model", "m1");
    EXPECT_GT(stored("model", "m1")->meta.instance_id, first);
}

TEST_F(PutObject, AnnouncesToRegisteredNodes) {
    add_node("camera", "cam7");
    publish("model", "m1", "\"destinationType\":\"camera\",\"destinationID\":\"cam7\"");
    EXPECT_EQ(effects_.wakes(), 1u);
    EXPECT_EQ(get("/objects/acme/model/m1/destinations").body,
              R"([{"destinationType":"camera","destinationID":"cam7","status":"delivering","message":""}])");
}

TEST_F(PutObject, IsRefusedForBadJsonAfterTheCredentials) {
    const Answer answer = put(kTarget, "{");
    EXPECT_EQ(answer.status, 400);
    EXPECT_THAT(answer.body, StartsWith("Invalid JSON for update. Error: "));
    EXPECT_EQ(put(kTarget, "").body, "Invalid JSON for update. Error: EOF\n");
    for (const std::string& part : {std::string("<b>"), std::string(100000, 'x'), std::string(100000, '<') + "\u00e9"}) {
        const std::string text = put(kTarget, "{\"meta\":\"" + part + "\x01").body;
        EXPECT_THAT(text, StartsWith("Invalid JSON for update. Error: "));
        EXPECT_LT(text.size(), 2000U) << "the body is not echoed at length";
        EXPECT_EQ(text.find('<'), std::string::npos) << text;
    }
    EXPECT_EQ(put(kTarget, "{", "").status, 403);
    EXPECT_EQ(put(kTarget, std::string(200000, '{'), "").status, 403);
    EXPECT_EQ(put(kTarget, std::string(200000, '{')).status, 400);
}

struct Refusal {
    std::string body;
    std::string key;
    int status;
    std::string text;
};
void PrintTo(const Refusal& row, std::ostream* out) { *out << row.body << " by " << row.key; }

class PutObjectRefused : public ApiTest, public ::testing::WithParamInterface<Refusal> {};
TEST_P(PutObjectRefused, AsTheTableSays) {
    receive("model", "received", ObjectStatus::CompletelyReceived);
    const Answer answer = put(kTarget, GetParam().body, GetParam().key);
    EXPECT_EQ(answer.status, GetParam().status);
    EXPECT_THAT(answer.body, HasSubstr(GetParam().text));
    EXPECT_FALSE(stored("model", "m1"));
}
INSTANTIATE_TEST_SUITE_P(
    Rows, PutObjectRefused,
    ::testing::Values(Refusal{meta() + "}", "alice@other", 403, "Unauthorized"}, Refusal{meta() + "}", "bob@acme", 403, "Unauthorized"},
                      Refusal{meta() + "}", "acme$v$1.0$s", 403, "Unauthorized"}, Refusal{meta() + "}", "node%acme", 403, "Unauthorized"},
                      Refusal{meta("", "m2") + "}", "alice@acme", 400, "doesn't match the object-id"},
                      Refusal{"{}", "alice@acme", 400, "Object's meta data does not contain object's ID"},
                      Refusal{meta("\"destinationOrgID\":\"other\"") + "}", "alice@acme", 400,
                              "DestOrgID in the payload does not match the organization in the URL"},
                      Refusal{meta("\"destinationID\":\"c\"") + "}", "alice@acme", 400, "Destination ID provided without destination type"},
                      Refusal{meta("\"sourceDataUri\":\"file:///x\"") + "}", "alice@acme", 400, "Data URI is disabled on CSS"},
                      Refusal{meta("\"destinationsList\":[\"camera:cam9\"]") + "}", "alice@acme", 400, "Invalid destination camera:cam9"},
                      Refusal{meta("\"metaOnly\":true") + ",\"data\":\"aA==\"}", "alice@acme", 400,
                              "Can't update data if MetaOnly is true"}));

TEST_F(PutObject, CannotReplaceAReceivedObject) {
    receive("model", "m1", ObjectStatus::CompletelyReceived);
    const Answer answer = put(kTarget, meta() + "}");
    EXPECT_EQ(answer.status, 400);
    EXPECT_EQ(answer.body, "Can't update object of the receiving side\n");
}

TEST_F(PutObject, CannotAddAPolicyLater) {
    publish("model", "m1");
    const Answer answer = put(kTarget, meta("\"destinationPolicy\":{\"properties\":[],\"constraints\":[],\"services\":[]}") + "}");
    EXPECT_EQ(answer.status, 400);
    EXPECT_EQ(answer.body, "Can't update the existence of Destination Policy\n");
}

TEST_F(PutObject, ChecksTheSignatureOfInlineData) {
    const Signer signer;
    EXPECT_EQ(put(kTarget, with_data(signer.meta_for("hello"), "hello")).status, 204);
    EXPECT_EQ(stored("model", "m1")->status, ObjectStatus::Ready);
    const Answer answer = put(kTarget, with_data(signer.meta_for("hello"), "other"));
    EXPECT_EQ(answer.status, 500);
    EXPECT_THAT(answer.body, StartsWith("Failed to verify data with public key and data signature, Error: "));
    EXPECT_EQ(stored("model", "m1")->status, ObjectStatus::VerificationFailed);
    EXPECT_EQ(get("/objects/acme/model/m1/data").status, 404);
}

TEST_F(PutObject, IsBusyWhenTheWorkersAreFull) {
    worker_.is_full = true;
    const Answer answer = put(kTarget, with_data("", std::string(300000, 'x')));
    EXPECT_EQ(answer.status, 429);
    EXPECT_EQ(answer.header("Retry-After"), "1");
}

using PutObjectOnEss = EssApiTest;
TEST_F(PutObjectOnEss, UsesTheNodesOrganization) {
    EXPECT_EQ(put("/objects/model/m1", meta("\"destinationOrgID\":\"other\"") + "}", "acme$v$1.0$s").status, 204);
    const auto object = stored("model", "m1");
    ASSERT_TRUE(object);
    EXPECT_EQ(object->meta.org, "acme");
    EXPECT_EQ(object->meta.owner_id, "acme/v/1.0/s");
    EXPECT_EQ(object->meta.origin_id, "cam7");
    EXPECT_EQ(put("/objects/model/m1", meta() + "}", "alice@other").status, 403);
}

using GetObject = ApiTest;

TEST_F(GetObject, AnswersTheMetadata) {
    publish("model", "m1");
    const Answer answer = get(kTarget);
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.content_type, "application/json");
    EXPECT_EQ(codec::metadata_from_json(answer.body), stored("model", "m1")->meta);
}

TEST_F(GetObject, ShowsOthersPublicObjectsOnly) {
    publish("model", "m1");
    publish("model", "m2", "\"public\":true");
    for (const char* operation : {"", "/status", "/destinations"}) {
        for (const char* key : {"alice@other", "bob@acme", "node%acme"}) {
            EXPECT_EQ(get("/objects/acme/model/m1" + std::string(operation), key).status, 403);
            EXPECT_EQ(get("/objects/acme/model/missing" + std::string(operation), key).status, 403);
            EXPECT_NE(get("/objects/acme/model/m2" + std::string(operation), key).status, 403);
        }
        EXPECT_EQ(get("/objects/acme/model/missing" + std::string(operation)).status, 404);
        EXPECT_EQ(get("/objects/acme/model/m1" + std::string(operation), "acme$v$1.0$s").status, 403);
    }
    EXPECT_EQ(get("/objects/acme/model/m1", "root@acme").status, 200);
    EXPECT_EQ(get("/objects/acme/model/m1", "acme/eve").status, 200);
}

TEST_F(GetObject, AnswersTheStatusAsABareWord) {
    publish("model", "m1");
    const Answer answer = get("/objects/acme/model/m1/status");
    EXPECT_EQ(answer.body, "ready");
    EXPECT_EQ(answer.content_type, "plain/text");
    receive("model", "m2", ObjectStatus::PartiallyReceived);
    EXPECT_EQ(get("/objects/acme/model/m2/status").body, "partiallyreceived");
}

using EssServices = EssApiTest;
TEST_F(EssServices, SeeObjectsWhosePolicyNamesThem) {
    receive("model", "m1", ObjectStatus::CompletelyReceived, [](ObjectRecord& record) {
        record.meta.destination_policy.emplace();
        record.meta.destination_policy->services.push_back({"v", "*", "s", "[1.0,2.0)"});
    });
    receive("model", "m2", ObjectStatus::CompletelyReceived);
    EXPECT_EQ(get("/objects/model/m1", "acme$v$1.5$s").status, 200);
    EXPECT_EQ(get("/objects/model/m1", "acme$v$2.0$s").status, 403);
    EXPECT_EQ(get("/objects/model/m2", "acme$v$2.0$s").status, 200);
    EXPECT_EQ(get("/objects/model/missing", "acme$v$2.0$s").status, 403);
    EXPECT_EQ(get("/objects/model/missing").status, 404);
    EXPECT_EQ(get("/objects/model/m1", "alice@other").status, 403);
}

using DeleteObject = ApiTest;

TEST_F(DeleteObject, RemovesAnObjectWithoutDestinationsAtOnce) {
    publish("model", "m1");
    EXPECT_EQ(remove(kTarget).status, 204);
    EXPECT_FALSE(stored("model", "m1"));
    EXPECT_EQ(remove(kTarget).status, 404);
    EXPECT_EQ(remove(kTarget, "root@acme").status, 404);
}

TEST_F(DeleteObject, LeavesATombstoneForItsDestinations) {
    add_node("camera", "cam7");
    publish("model", "m1", "\"destinationType\":\"camera\"");
    EXPECT_EQ(remove(kTarget).status, 204);
    EXPECT_EQ(get("/objects/acme/model/m1/status").body, "objdeleted");
    EXPECT_EQ(remove(kTarget).status, 204);
    EXPECT_EQ(get("/objects/acme/model/m1/status").body, "objdeleted");
}

TEST_F(DeleteObject, NeedsPermission) {
    publish("model", "m1", "\"public\":true");
    publish("agent_upgrade_manifests", "m1");
    for (const char* key : {"alice@other", "bob@acme", "acme$v$1.0$s", ""}) EXPECT_EQ(remove(kTarget, key).status, 403) << key;
    EXPECT_EQ(remove("/objects/acme/agent_upgrade_manifests/m1", "acme/eve").status, 403);
    EXPECT_TRUE(stored("model", "m1"));
}

TEST_F(DeleteObject, RemovesAReceivedObjectOnTheCss) {
    receive("model", "m1", ObjectStatus::CompletelyReceived);
    EXPECT_EQ(remove(kTarget).status, 204);
    EXPECT_FALSE(stored("model", "m1"));
}

using DeleteOnEss = EssApiTest;
TEST_F(DeleteOnEss, IsRefusedForReceivedObjects) {
    receive("model", "m1", ObjectStatus::CompletelyReceived);
    const Answer answer = remove("/objects/model/m1");
    EXPECT_EQ(answer.status, 400);
    EXPECT_EQ(answer.body, "Failed to delete the object. Error: Can't delete object on the receiving side for ESS\n");
    EXPECT_EQ(remove("/objects/model/missing").status, 404);
}

}  // namespace
}  // namespace edgesync::api
