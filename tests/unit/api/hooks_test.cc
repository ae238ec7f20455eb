#include "api_fixture.h"
#include "kernel/hooks/hook_list.h"

namespace edgesync::api {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class Hooks : public ApiTest {
protected:
    std::vector<std::string> hooks(const std::string& type = "model") {
        std::vector<std::string> urls;
        store_->read([&](ReadTransaction& txn) { urls = hooks::hooks_of(txn, "acme", type); });
        return urls;
    }
    Answer change(const std::string& action, const std::string& url, const std::string& key = "alice@acme") {
        return put("/objects/acme/model", R"({"action":")" + action + R"(","url":")" + url + "\"}", key);
    }
};

TEST_F(Hooks, AreRegisteredAndDeleted) {
    EXPECT_EQ(change("register", "http://10.0.0.5:9000/hook").status, 204);
    EXPECT_EQ(change("Register", "http://10.0.0.5:9000/hook").status, 204);
    EXPECT_EQ(change("register", "https://example.org/Hook").status, 204);
    EXPECT_THAT(hooks(), ElementsAre("http://10.0.0.5:9000/hook", "https://example.org/Hook"));
    EXPECT_EQ(change("delete", "https://EXAMPLE.org/hook").status, 204);
    EXPECT_THAT(hooks(), ElementsAre("http://10.0.0.5:9000/hook"));
    EXPECT_EQ(change("DELETE", "http://never.registered/").status, 204);
    EXPECT_EQ(put("/objects/acme/other/", R"({"Action":"register","URL":"http://a/"})").status, 204) << "names match in any case";
    EXPECT_THAT(hooks(), ElementsAre("http://10.0.0.5:9000/hook"));
    EXPECT_THAT(hooks("other"), ElementsAre("http://a/"));
}

TEST_F(Hooks, RefuseWhatIsWrong) {
    struct Case {
        std::string body, text;
    };
    const std::vector<Case> cases = {
        {"", "Invalid JSON for update. Error: EOF\n"},
        {"[]", "Invalid JSON for update. Error: the body must be an object\n"},
        {R"({"action":"register"})", "Invalid webhook\n"},
        {R"({"action":"register","url":"ftp://a/"})", "Invalid webhook\n"},
        {R"({"action":"register","url":"http://u:p@a/"})", "Invalid webhook\n"},
        {R"({"action":"register","url":7})", "Invalid JSON for update. Error: field url must be a string\n"},
        {R"({"action":["register"],"url":"http://a/"})", "Invalid JSON for update. Error: field action must be a string\n"},
        {R"({"action":"call","url":"http://a/"})", "Invalid action (call) in payload.\n"},
    };
    for (const auto& part : cases) {
        const Answer answer = put("/objects/acme/model", part.body);
        EXPECT_EQ(answer.status, 400) << part.body;
        EXPECT_EQ(answer.body, part.text) << part.body;
    }
    EXPECT_THAT(hooks(), IsEmpty());
}

TEST_F(Hooks, MayComeWithFieldsThatNobodyKnows) {
    const std::string body = R"({"action":"register","url":"http://a/","more":[1,{"x":null}],"and":{"action":5},"none":null})";
    EXPECT_EQ(put("/objects/acme/model", body).status, 204);
    EXPECT_THAT(hooks(), ElementsAre("http://a/"));
}

TEST_F(Hooks, AreLimitedPerType) {
    for (std::size_t i = 0; i < hooks::kMostHooks; ++i) ASSERT_EQ(change("register", "http://a/" + std::to_string(i)).status, 204);
    EXPECT_EQ(change("register", "http://a/0").status, 204);
    EXPECT_EQ(change("register", "http://a/more").status, 400);
}

TEST_F(Hooks, NeedThePermissionBeforeTheBodyIsLookedAt) {
    for (const char* key : {"", "bob@acme", "alice@other", "other/adm", "node%acme", "acme/camera/cam1", "acme$so$1.0$sn"}) {
        EXPECT_EQ(put("/objects/acme/model", "not looked at", key).status, 403) << key;
    }
    EXPECT_EQ(change("register", "http://a/", "root@x").status, 204);
    EXPECT_EQ(change("register", "http://b/", "acme/bob").status, 204) << "object administrators may";
}

class EdgeHooks : public EssApiTest {};

TEST_F(EdgeHooks, AreForAllOfTheOrganizationButServices) {
    const std::string body = R"({"action":"register","url":"http://a/"})";
    EXPECT_EQ(put("/objects/model", body).status, 204);
    EXPECT_EQ(put("/objects/model", body, "bob@acme").status, 204);
    EXPECT_EQ(put("/objects/model", body, "acme$so$1.0$sn").status, 403);
    EXPECT_EQ(put("/objects/model", body, "alice@other").status, 403);
}

}  // namespace
}  // namespace edgesync::api
