#include <nlohmann/json.hpp>

#include "api_fixture.h"
#include "kernel/security/acl_list.h"

namespace edgesync::api {
namespace {

class SecurityApi : public ApiTest {
protected:
    Answer change(const std::string& target, const std::string& body, const std::string& key = "alice@acme") {
        return put("/security/" + target, body, key);
    }
    /// "bob/user/aclWriter ..."
    std::string entries(const std::string& target, const std::string& key = "alice@acme") {
        const Answer answer = get("/security/" + target, key);
        if (answer.status != 200) return std::to_string(answer.status) + answer.body;
        std::string text;
        for (const auto& item : nlohmann::json::parse(answer.body)) {
            if (!text.empty()) text += " ";
            text += item.is_string() ? item.get<std::string>()
                                     : item["Username"].get<std::string>() + "/" + item["ACLUserType"].get<std::string>() + "/" +
                                           item["ACLRole"].get<std::string>();
        }
        return text;
    }
    static std::string add(const std::string& name, const std::string& type, const std::string& role) {
        return R"({"action":"add","users":[{"Username":")" + name + R"(","ACLUserType":")" + type + R"(","ACLRole":")" + role + "\"}]}";
    }
};

TEST_F(SecurityApi, ListsAreChangedAndRead) {
    EXPECT_EQ(entries("objects/acme?key=model"), "404");
    EXPECT_EQ(change("objects/acme/model", add("bob", "user", "aclWriter")).status, 204);
    EXPECT_EQ(change("objects/acme/model", add("cam7", "node", "aclReader")).status, 204);
    EXPECT_EQ(change("objects/acme", add("eve", "user", "aclReader")).status, 204);
    EXPECT_EQ(entries("objects/acme?key=model"), "cam7/node/aclReader bob/user/aclWriter");
    EXPECT_EQ(entries("objects/acme/model"), "cam7/node/aclReader bob/user/aclWriter");
    EXPECT_EQ(entries("objects/acme/model?acl_usertype=user"), "bob/user/aclWriter");
    EXPECT_EQ(entries("objects/acme"), "eve/user/aclReader");
    EXPECT_EQ(entries("objects/acme?key=*"), "eve/user/aclReader");
    EXPECT_EQ(entries("objects/acme?all_keys=true"), "* model");
    EXPECT_EQ(entries("destinations/acme?all_keys=true"), "404");
    EXPECT_EQ(entries("objects/other?all_keys=true", "root@x"), "404");
    EXPECT_EQ(change("objects/acme/model", add("bob", "user", "aclReader")).status, 204);
    EXPECT_EQ(entries("objects/acme/model?acl_usertype=user"), "bob/user/aclReader") << "the role is replaced";
    EXPECT_EQ(remove("/security/objects/acme/model/user/bob").status, 204);
    EXPECT_EQ(remove("/security/objects/acme/model/user/nobody").status, 204);
    EXPECT_EQ(change("objects/acme/model", R"({"Action":"REMOVE","users":[{"username":"cam7","aclUserType":"NODE"}]})").status, 204);
    EXPECT_EQ(entries("objects/acme?all_keys=true"), "*") << "a list goes with its last entry";
    EXPECT_EQ(change("destinations/acme/camera", add("bob", "user", "aclWriter")).status, 204);
    EXPECT_EQ(entries("destinations/acme/camera"), "bob/user/na");
    EXPECT_EQ(change("objects/acme/none", R"({"action":"add","users":[]})").status, 204);
    EXPECT_EQ(entries("objects/acme/none"), "404");
    const std::string more = R"({"action":"add","x":[1],"users":[{"Username":"zoe","ACLUserType":"user","ACLRole":"aclReader","age":5}]})";
    EXPECT_EQ(change("objects/acme/more", more).status, 204) << "unknown fields are ignored";
    EXPECT_EQ(entries("objects/acme/more"), "zoe/user/aclReader");
}

TEST_F(SecurityApi, RefusalsFollowTheTable) {
    struct Case {
        std::string method, target, body;
        int status;
        std::string text;
    };
    const std::string bad_entry = "Invalid ACL entry for update. Error: ";
    const std::vector<Case> cases = {
        {"GET", "objects", "", 400, ""},
        {"GET", "", "", 400, ""},
        {"GET", "objects/acme/a/user/bob/x", "", 400, ""},
        {"GET", "things/acme", "", 400, ""},
        {"GET", "objects/acme?all_keys=maybe", "", 400, ""},
        {"GET", "objects/acme/a/user", "", 400, ""},
        {"GET", "objects/acme?key=a%20b", "", 400, "Key (destination type/object type) a b contains invalid characters"},
        {"GET", "objects/acme/a%3Cb", "", 400, "Key (destination type/object type) a&lt;b contains invalid characters"},
        {"GET", "objects/acme?acl_usertype=group", "", 400,
         "Invalid acl user type group in URL. If specified, the value should be \"user\" or \"node\""},
        {"POST", "objects/acme/a", "", 405, ""},
        {"PUT", "objects/acme/a/user", add("b", "user", "aclReader"), 400, ""},
        {"PUT", "objects/acme/a", "", 400, "Invalid JSON for update. Error: EOF\n"},
        {"PUT", "objects/acme/a", R"({"action":"set","users":[]})", 400, "Invalid action (set) in payload.\n"},
        {"PUT", "objects/acme/a", R"({"action":"add","usernames":["bob"]})", 400, "users must be specified\n"},
        {"PUT", "objects/acme/a", R"({"action":"add","users":null})", 400, "users must be specified\n"},
        {"PUT", "objects/acme/a", R"({"action":"add","users":"bob"})", 400,
         "Invalid JSON for update. Error: field users must be an array\n"},
        {"PUT", "objects/acme/a", R"({"action":"add","users":["bob"]})", 400,
         "Invalid JSON for update. Error: field users must have objects only\n"},
        {"PUT", "objects/acme/a", R"({"action":"add","users":[{"Username":5}]})", 400,
         "Invalid JSON for update. Error: field username must be a string\n"},
        {"PUT", "objects/acme/a", add("b", "group", "aclReader"), 400,
         bad_entry + "Invalid ACLUserType (group): the value should be \"user\" or \"node\"\n"},
        {"PUT", "objects/acme/a", add(" ", "user", "aclReader"), 400, bad_entry + "The Username must not be empty\n"},
        {"PUT", "objects/acme/a", add("a/b", "user", "aclReader"), 400, bad_entry + "Username (a/b) contains invalid characters\n"},
        {"PUT", "objects/acme/a", add("b", "user", "na"), 400,
         bad_entry + "Invalid ACLRole (na): the value should be \"aclReader\" or \"aclWriter\"\n"},
        {"PUT", "destinations/acme/a", add("b", "user", "anything"), 204, ""},
        {"DELETE", "objects/acme/a", "", 400, ""},
        {"DELETE", "objects/acme/a/user", "", 400, ""},
        {"DELETE", "objects/acme/a/group/b", "", 400, "Invalid acl user type group in URL. The value should be \"user\" or \"node\""},
        {"DELETE", "objects/acme/a/user/b%3A", "", 400, "Username (b:) contains invalid characters"},
    };
    for (const auto& part : cases) {
        const Answer answer = send({.method = part.method, .target = "/security/" + part.target, .body = part.body});
        EXPECT_EQ(answer.status, part.status) << part.method << " " << part.target << " " << part.body;
        EXPECT_EQ(answer.body, part.text) << part.method << " " << part.target << " " << part.body;
    }
}

TEST_F(SecurityApi, IsForAdministratorsOfTheOrganization) {
    for (const char* key : {"", "bob@acme", "acme/bob", "node%acme", "acme$so$1.0$sn", "acme/camera/cam7", "alice@other"}) {
        EXPECT_EQ(get("/security/objects/acme", key).status, 403) << key;
        EXPECT_EQ(change("objects/acme/model", "not looked at", key).status, 403) << key;
        EXPECT_EQ(remove("/security/objects/acme/model/user/bob", key).status, 403) << key;
    }
    EXPECT_EQ(change("objects/acme/model", add("bob", "user", "aclReader"), "root@x").status, 204);
}

TEST_F(SecurityApi, EntriesCountAtOnce) {
    add_node("camera", "cam7");
    publish("model", "m", R"("destinationType":"camera")");
    const std::string body = R"({"meta":{"objectID":"m","objectType":"model","destinationType":"camera"},"data":"eA=="})";
    EXPECT_EQ(get("/objects/acme/model/m", "bob@acme").status, 403);
    EXPECT_EQ(change("objects/acme/model", add("bob", "user", "aclReader")).status, 204);
    EXPECT_EQ(get("/objects/acme/model/m", "bob@acme").status, 200);
    EXPECT_EQ(get("/objects/acme/model/m", "bob%acme").status, 403) << "an entry for a user is none for a node";
    EXPECT_EQ(put("/objects/acme/model/m", body, "bob@acme").status, 403);
    EXPECT_EQ(change("objects/acme/model", add("bob", "user", "aclWriter")).status, 204);
    EXPECT_EQ(put("/objects/acme/model/m", body, "bob@acme").status, 403) << "the nodes are not his";
    EXPECT_EQ(change("destinations/acme/camera", add("*", "user", "na")).status, 204);
    EXPECT_EQ(put("/objects/acme/model/m", body, "bob@acme").status, 204);
    EXPECT_EQ(put("/objects/acme/model", R"({"action":"register","url":"http://a/"})", "bob@acme").status, 204);
    EXPECT_EQ(remove("/security/objects/acme/model/user/bob").status, 204);
    EXPECT_EQ(get("/objects/acme/model/m", "bob@acme").status, 403);
    EXPECT_EQ(change("objects/acme", add("*", "user", "aclWriter")).status, 204);
    EXPECT_EQ(get("/objects/acme/model/m", "bob@acme").status, 200) << "the wildcard key applies to all types";
    EXPECT_EQ(change("objects/acme/model", add("bob", "user", "aclReader")).status, 204);
    EXPECT_EQ(put("/objects/acme/model/m", body, "bob@acme").status, 403) << "an entry of the type beats the wildcard key";
}

TEST_F(SecurityApi, ListsOfARequestAreThereHoweverManyOrganizationsComeMeanwhile) {
    in_store([](WriteTransaction& txn) {
        security::put_acl(txn, "acme", security::AclKind::Objects, "model",
                          {{security::AclUserType::User, "bob", security::AclRole::Reader}});
    });
    for (std::size_t i = 0; i < security::AclCache::kMostOrgs; ++i) acls_->prepare("org" + std::to_string(i));
    acls_->prepare("acme");
    acls_->prepare("another");
    EXPECT_TRUE(acls_->object_role({"acme", security::AclUserType::User, "bob"}, "model"));
}

TEST_F(SecurityApi, ANamedEntryBeatsTheOneForEverybody) {
    publish("model", "m", R"("destinationPolicy":{"properties":[],"constraints":[],"services":[]})");
    const std::string body =
        R"({"meta":{"objectID":"m","objectType":"model","destinationPolicy":{"properties":[],"constraints":[],"services":[]}}})";
    const auto writes = [&] { return put("/objects/acme/model/m", body, "bob@acme").status == 204; };
    EXPECT_EQ(change("objects/acme/model", add("*", "user", "aclReader")).status, 204);
    EXPECT_FALSE(writes());
    EXPECT_EQ(change("objects/acme/model", add("bob", "user", "aclWriter")).status, 204);
    EXPECT_TRUE(writes());
    EXPECT_EQ(change("objects/acme/model", add("*", "user", "aclWriter")).status, 204);
    EXPECT_EQ(change("objects/acme/model", add("bob", "user", "aclReader")).status, 204);
    EXPECT_FALSE(writes());
}

class EdgeSecurity : public EssApiTest {};

TEST_F(EdgeSecurity, HasNoLists) { EXPECT_EQ(get("/security/objects/acme", "root@x").status, 404); }

}  // namespace
}  // namespace edgesync::api
