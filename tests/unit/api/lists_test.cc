#include <nlohmann/json.hpp>
#include <set>

#include "api_fixture.h"

namespace edgesync::api {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> ids(const Answer& answer) {
    std::vector<std::string> result;
    if (answer.status != 200) {
        EXPECT_EQ(answer.status, 404);
        EXPECT_EQ(answer.body, "");
        return result;
    }
    EXPECT_EQ(answer.content_type, "application/json");
    for (const auto& item : nlohmann::json::parse(answer.body)) result.push_back(item["objectID"]);
    return result;
}

class UpdatedObjects : public ApiTest {
protected:
    UpdatedObjects() {
        receive("model", "z", ObjectStatus::CompletelyReceived);
        receive("model", "a", ObjectStatus::ObjReceived, [](ObjectRecord& record) { record.meta.is_public = true; });
        receive("model", "m", ObjectStatus::ObjDeleted, [](ObjectRecord& record) { record.meta.is_public = true; });
        receive("model", "p", ObjectStatus::PartiallyReceived);
        receive("model", "c", ObjectStatus::ObjConsumed);
        receive("other", "o", ObjectStatus::CompletelyReceived);
    }
};

TEST_F(UpdatedObjects, AreThoseToBeLookedAtByAscendingInstance) {
    EXPECT_THAT(ids(get("/objects/acme/model")), ElementsAre("z", "m"));
    EXPECT_THAT(ids(get("/objects/acme/model/?received=false")), ElementsAre("z", "m"));
    EXPECT_THAT(ids(get("/objects/acme/model?received=true")), ElementsAre("z", "a", "m"));
    EXPECT_THAT(ids(get("/objects/acme/model?received=1&x=y")), ElementsAre("z", "a", "m"));
    EXPECT_THAT(ids(get("/objects/acme/nothing")), IsEmpty());
    EXPECT_THAT(ids(get("/objects/other/model", "root@x")), IsEmpty());
}

TEST_F(UpdatedObjects, ExcludeOwnOnes) {
    add_node("camera", "cam7");
    publish("model", "own");
    remove("/objects/acme/model/own");
    EXPECT_THAT(ids(get("/objects/acme/model")), ElementsAre("z", "m"));
}

TEST_F(UpdatedObjects, ArePublicOnesForOthers) {
    for (const char* key : {"alice@other", "bob@acme", "node%acme"}) {
        EXPECT_THAT(ids(get("/objects/acme/model?received=true", key)), ElementsAre("a", "m")) << key;
        EXPECT_THAT(ids(get("/objects/acme/other", key)), IsEmpty()) << key;
    }
    EXPECT_EQ(get("/objects/acme/model", "acme$v$1.0$s").status, 403);
}

TEST_F(UpdatedObjects, RefuseBadBooleansBeforeTheCredentials) {
    for (const char* query : {"received=yes", "received=2", "all_objects=x", "received=%zz"}) {
        const Answer answer = get("/objects/acme/model?" + std::string(query), "");
        EXPECT_EQ(answer.status, 400) << query;
        EXPECT_EQ(answer.body, "");
    }
    EXPECT_EQ(get("/objects/acme/model?received=&all_objects=").status, 200);
}

TEST_F(UpdatedObjects, AreStreamedWhenThereAreMany) {
    in_store([&](WriteTransaction& txn) {
        for (int i = 0; i < 1000; ++i) {
            ObjectRecord record;
            record.meta.org = "acme";
            record.meta.object_type = "many";
            record.meta.object_id = std::to_string(i);
            record.meta.instance_id = txn.next_instance_id(node_.now(), 0);
            record.meta.is_public = i == 900 || i == 950;
            record.side = Side::Receiver;
            record.status = ObjectStatus::CompletelyReceived;
            txn.put_object(record);
        }
    });
    const Answer answer = get("/objects/acme/many");
    EXPECT_TRUE(answer.was_generated);
    const auto all = ids(answer);
    ASSERT_EQ(all.size(), 1000u);
    for (int i = 0; i < 1000; ++i) EXPECT_EQ(all[static_cast<std::size_t>(i)], std::to_string(i));
    EXPECT_THAT(ids(get("/objects/acme/many", "bob@acme")), ElementsAre("900", "950"));
    EXPECT_THAT(ids(get("/objects/acme/many", "alice@other")), ElementsAre("900", "950"));
}

using AllObjects = ApiTest;

TEST_F(AllObjects, AreListedWithTheirDestinations) {
    add_node("camera", "cam7");
    publish("model", "m1", "\"destinationType\":\"camera\"");
    publish("model", "m2", "\"destinationType\":\"lamp\",\"public\":true", std::nullopt);
    receive("model", "m3", ObjectStatus::ObjConsumed);
    EXPECT_EQ(get("/objects/acme/model?all_objects=true").body,
              R"([{"orgID":"acme","objectType":"model","objectID":"m1","destinations":[{"destinationType":"camera","destinationID":"cam7",)"
              R"("status":"delivering","message":""}]},{"orgID":"acme","objectType":"model","objectID":"m2","destinations":[]},)"
              R"({"orgID":"acme","objectType":"model","objectID":"m3","destinations":[]}])");
    EXPECT_THAT(ids(get("/objects/acme/model?all_objects=true", "alice@other")), ElementsAre("m2"));
    EXPECT_THAT(ids(get("/objects/acme/none?all_objects=true")), IsEmpty());
}

TEST_F(AllObjects, AreSentInPiecesHoweverManyDestinationsTheyHave) {
    constexpr std::size_t many = 12345;
    for (const char* id : {"m1", "m2", "m3"}) publish("model", id, R"("public":true,"destinationPolicy":{})");
    in_store([](WriteTransaction& txn) {
        for (const char* id : {"m1", "m3"}) {
            for (std::size_t i = 0; i < many; ++i) {
                const NodeKey node{"acme", "camera", "cam" + std::to_string(i)};
                txn.put_delivery({{"acme", "model", id}, node, DeliveryStatus::Delivered, ""});
            }
        }
    });
    for (const char* target : {"/objects/acme/model?all_objects=true", "/objects/acme?destination_policy=true"}) {
        const Answer answer = get(target);
        EXPECT_TRUE(answer.was_generated);
        EXPECT_LT(answer.largest_piece, 512U * 1024);
        const auto list = nlohmann::json::parse(answer.body);
        ASSERT_EQ(list.size(), 3U) << target;
        EXPECT_EQ(list[0]["destinations"].size(), many);
        EXPECT_EQ(list[1]["destinations"].size(), 0U);
        EXPECT_EQ(list[2]["objectID"], "m3");
        std::set<std::string> nodes;
        for (const auto& destination : list[2]["destinations"]) nodes.insert(destination["destinationID"].get<std::string>());
        EXPECT_EQ(nodes.size(), many) << "none is missing, none comes twice";
    }
    EXPECT_THAT(ids(get("/objects/acme/model?all_objects=true", "alice@other")), ElementsAre("m1", "m2", "m3"));
}

TEST_F(AllObjects, CarryTheirPolicy) {
    publish("model", "m1",
            R"("destinationPolicy":{"properties":[{"name":"p","value":5,"type":"int"}],"constraints":["a == 1"],"services":[]})");
    const auto list = nlohmann::json::parse(get("/objects/acme/model?all_objects=true").body);
    EXPECT_EQ(list[0]["destinationPolicy"]["properties"][0]["value"], 5);
    EXPECT_EQ(list[0]["destinationPolicy"]["constraints"][0], "a == 1");
}

class ServiceLists : public EssApiTest {
protected:
    ServiceLists() {
        receive("model", "free", ObjectStatus::CompletelyReceived);
        const auto with_policy = [this](const char* id, const char* range, std::vector<PolicyService> removed) {
            receive("model", id, ObjectStatus::CompletelyReceived, [&](ObjectRecord& record) {
                record.meta.destination_policy.emplace();
                record.meta.destination_policy->services.push_back({"v", "*", "s", range});
                record.removed_services = std::move(removed);
            });
        };
        with_policy("mine", "[1.0,2.0)", {{"v", "*", "s", "[1.0,1.1)"}});
        with_policy("theirs", "[2.0,3.0)", {});
        with_policy("lost", "[2.0,3.0)", {{"v", "*", "s", "[1.0,2.0)"}});
    }
};

TEST_F(ServiceLists, ShowMatchingObjectsAndTellOfRemovals) {
    const Answer answer = get("/objects/model", "acme$v$1.0$s");
    EXPECT_THAT(ids(answer), ElementsAre("free", "mine", "lost"));
    const auto list = nlohmann::json::parse(answer.body);
    EXPECT_EQ(list[1]["deleted"], false);
    EXPECT_EQ(list[2]["deleted"], true);
    EXPECT_FALSE(stored("model", "lost")->meta.deleted);
    EXPECT_THAT(ids(get("/objects/model?all_objects=true", "acme$v$1.0$s")), ElementsAre("free", "mine"));
    EXPECT_THAT(ids(get("/objects/model")), ElementsAre("free", "mine", "theirs", "lost"));
    EXPECT_EQ(get("/objects/model", "alice@other").status, 403);
}

using ObjectDestinations = ApiTest;

TEST_F(ObjectDestinations, AreListed) {
    EXPECT_EQ(get("/objects/acme/model/m1/destinations").status, 404);
    publish("model", "m1");
    EXPECT_EQ(get("/objects/acme/model/m1/destinations").status, 404);
    add_node("camera", "cam7");
    publish("model", "m1", "\"inactive\":true");
    EXPECT_EQ(get("/objects/acme/model/m1/destinations").body,
              R"([{"destinationType":"camera","destinationID":"cam7","status":"pending","message":""}])");
}

}  // namespace
}  // namespace edgesync::api
