#include <nlohmann/json.hpp>

#include "api_fixture.h"

namespace edgesync::api {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class Queries : public ApiTest {
protected:
    Queries() {
        add_node("camera", "cam7");
        publish("model", "plain", R"("destinationType":"camera","destinationID":"cam7","public":true)");
        publish("model", "all", R"("destinationType":"camera")");
        publish("config", "listed", R"("destinationsList":["camera:cam7"],"expiration":"2099-01-01T00:00:00+02:00")");
        publish("config", "empty", R"("noData":true)", std::nullopt);
        publish("policy", "p1", R"("destinationPolicy":{"properties":[{"name":"size","value":3}],"constraints":["a == 1"],
                "services":[{"orgID":"so","arch":"*","serviceName":"sn","version":"1.0"}]})");
        publish("policy", "p2", R"("destinationPolicy":{"properties":[],"constraints":[],"services":[]})");
        receive("model", "got", ObjectStatus::CompletelyReceived);
    }

    std::vector<std::string> ids(const std::string& query, const std::string& key = "alice@acme") {
        const Answer answer = get("/objects/acme?" + query, key);
        std::vector<std::string> result;
        if (answer.status != 200) {
            EXPECT_EQ(answer.status, 404) << query;
            EXPECT_EQ(answer.body, "");
            return {"404"};
        }
        EXPECT_EQ(answer.content_type, "application/json");
        for (const auto& item : nlohmann::json::parse(answer.body)) result.push_back(item.is_string() ? item : item["objectID"]);
        return result;
    }
    std::int64_t timestamp(const std::string& id) { return stored("policy", id)->meta.destination_policy->timestamp; }
};

TEST_F(Queries, NeedASelectorThatIsTrue) {
    for (const char* query : {"", "x=1", "filters=", "filters=false", "filters=yes", "destination_policy=false", "list_object_type=0",
                              "destination_policy=false&filters=true", "filters=nonsense&list_object_type=true"}) {
        const Answer answer = get("/objects/acme?" + std::string(query));
        EXPECT_EQ(answer.status, 400) << query;
        EXPECT_EQ(answer.body, "") << query;
    }
    EXPECT_EQ(ids("filters=&list_object_type=true"), ids("list_object_type=true"));
    EXPECT_EQ(ids("destination_policy=true&filters=true&objectType=model&received=true"), ids("destination_policy=true&received=true"));
}

TEST_F(Queries, RefuseOtherMethodsAndThoseWhoMayNotAskAtAll) {
    EXPECT_EQ(put("/objects/acme?filters=true", "").status, 405);
    for (const char* key : {"", "acme/camera/cam7", "acme$so$1.0$sn"}) {
        EXPECT_EQ(get("/objects/acme?filters=true", key).status, 403) << key;
        EXPECT_EQ(get("/objects/acme?nothing=true", key).status, 403) << "credentials come before the parameters, " << key;
    }
}

TEST_F(Queries, FilterByEveryParameter) {
    struct Case {
        std::string query;
        std::vector<std::string> ids;
    };
    const std::vector<Case> cases = {
        {"", {"empty", "listed", "all", "got", "plain", "p1", "p2"}},
        {"objectType=model", {"all", "got", "plain"}},
        {"objectType=model&objectID=all", {"all"}},
        {"objectID=all", {"empty", "listed", "all", "got", "plain", "p1", "p2"}},  // Counts only with a type.
        {"objectType=none", {"404"}},
        {"objectType=&objectID=&destinationPolicy=&dpService=&dpPropertyName=&since=&destinationType=&destinationID=&noData="
         "&expirationTimeBefore=&deleted=",
         {"empty", "listed", "all", "got", "plain", "p1", "p2"}},
        {"destinationType=camera", {"listed", "all", "plain"}},
        {"destinationType=cam", {"404"}},
        {"destinationType=camera&destinationID=cam7", {"listed", "plain"}},
        {"destinationType=camera&destinationID=cam", {"404"}},
        {"destinationID=cam7&objectType=policy", {"p1", "p2"}},
        {"destinationPolicy=true", {"p1", "p2"}},
        {"destinationPolicy=false", {"empty", "listed", "all", "got", "plain"}},
        {"destinationPolicy=true&dpService=so/sn", {"p1"}},
        {"destinationPolicy=true&dpService=so/other", {"404"}},
        {"destinationPolicy=true&dpPropertyName=size", {"p1"}},
        {"destinationPolicy=true&since=2020-01-01T00:00:00Z", {"p1", "p2"}},
        {"destinationPolicy=true&since=2020-01-01T00:00:00+01:00", {"p1", "p2"}},  // The '+' arrives as a blank.
        {"destinationPolicy=true&since=2099-01-01T00:00:00Z", {"404"}},
        {"destinationPolicy=false&dpService=so/sn&dpPropertyName=size&objectType=model", {"all", "got", "plain"}},
        {"noData=true", {"empty"}},
        {"noData=false&objectType=config", {"listed"}},
        {"expirationTimeBefore=2098-12-31T22:00:00Z", {"listed"}},
        {"expirationTimeBefore=2098-12-31T21:59:59Z", {"404"}},
        {"deleted=true", {"404"}},
        {"deleted=false&objectType=config", {"empty", "listed"}},
    };
    for (const auto& part : cases) EXPECT_EQ(ids("filters=true&" + part.query), part.ids) << part.query;
    remove("/objects/acme/model/plain");
    EXPECT_THAT(ids("filters=true&deleted=true"), ElementsAre("plain"));
}

TEST_F(Queries, RefuseEveryBadParameter) {
    for (const char* query : {"filters=true&objectType=a%2Fb",
                              "filters=true&objectID=a:b",
                              "filters=true&destinationPolicy=x",
                              "filters=true&dpService=so",
                              "filters=true&dpService=/sn",
                              "filters=true&dpService=so/a/b",
                              "filters=true&dpPropertyName=a%20b",
                              "filters=true&since=12345",
                              "filters=true&since=1969-01-01T00:00:00Z",
                              "filters=true&destinationType=%3Ca%3E",
                              "filters=true&destinationID=a%3E",
                              "filters=true&noData=yes",
                              "filters=true&expirationTimeBefore=tomorrow",
                              "filters=true&deleted=2",
                              "filters=true&objectType=%zz",
                              "destination_policy=true&received=maybe",
                              "destination_policy=true&service=a",
                              "destination_policy=true&since=0",
                              "destination_policy=true&since=-5",
                              "destination_policy=true&since=1x",
                              "destination_policy=true&since=2020-01-01T00:00:00Z"}) {
        const Answer answer = get("/objects/acme?" + std::string(query));
        EXPECT_EQ(answer.status, 400) << query;
        EXPECT_EQ(answer.body, "") << query;
    }
}

TEST_F(Queries, ServeThePolicyEngine) {
    EXPECT_THAT(ids("destination_policy=true"), ElementsAre("p1", "p2"));
    EXPECT_EQ(put("/objects/acme/policy/p1/policyreceived", "").status, 204);
    EXPECT_THAT(ids("destination_policy=true"), ElementsAre("p2"));
    EXPECT_THAT(ids("destination_policy=true&received=true"), ElementsAre("p1", "p2"));
    EXPECT_THAT(ids("destination_policy=true&service=so/sn"), ElementsAre("p1"));
    EXPECT_THAT(ids("destination_policy=true&service=so/none"), ElementsAre("404"));
    EXPECT_THAT(ids("destination_policy=true&since=" + std::to_string(timestamp("p2")) + "&service=so/sn"), ElementsAre("p2"));
    EXPECT_THAT(ids("destination_policy=true&since=" + std::to_string(timestamp("p2") + 1)), ElementsAre("404"));
    const auto item = nlohmann::json::parse(get("/objects/acme?destination_policy=true&service=so/sn").body)[0];
    EXPECT_EQ(item["orgID"], "acme");
    EXPECT_EQ(item["objectType"], "policy");
    EXPECT_EQ(item["destinationPolicy"]["constraints"][0], "a == 1");
    EXPECT_THAT(item["destinations"], IsEmpty());
}

TEST_F(Queries, ShowDeletedPolicyObjectsOnlyToThoseWhoRemoveThem) {
    in_store([this](WriteTransaction& txn) {
        auto object = *txn.object({"acme", "policy", "p1"});
        object.meta.deleted = true;
        object.status = ObjectStatus::ObjDeleted;
        txn.put_object(object);
    });
    EXPECT_THAT(ids("destination_policy=true&received=true"), ElementsAre("p2"));
    EXPECT_THAT(ids("destination_policy=true&service=so/sn"), ElementsAre("p1"));
    EXPECT_THAT(ids("destination_policy=true&since=1"), ElementsAre("p1", "p2"));
}

TEST_F(Queries, ListTheTypes) {
    EXPECT_THAT(ids("list_object_type=true"), ElementsAre("config", "model", "policy"));
    EXPECT_EQ(get("/objects/empty?list_object_type=true", "root@x").status, 404);
}

TEST_F(Queries, HideWhatTheCallerMayNotSee) {
    for (const char* key : {"alice@other", "bob@acme", "node%acme", "other/adm"}) {
        EXPECT_THAT(ids("filters=true", key), ElementsAre("plain")) << key;
        EXPECT_THAT(ids("list_object_type=true", key), ElementsAre("model")) << key;
        // 404 only if nothing matches at all.
        EXPECT_THAT(ids("filters=true&objectType=config", key), IsEmpty()) << key;
        EXPECT_THAT(ids("filters=true&objectType=none", key), ElementsAre("404")) << key;
        EXPECT_THAT(ids("destination_policy=true", key), IsEmpty()) << key;
    }
    publish("agent_upgrade_manifests", "m", "", "aGVsbG8=");
    EXPECT_THAT(ids("list_object_type=true", "node%acme"), ElementsAre("agent_upgrade_manifests", "model"));
    EXPECT_THAT(ids("list_object_type=true", "root@x"), ElementsAre("agent_upgrade_manifests", "config", "model", "policy"));
}

}  // namespace
}  // namespace edgesync::api
