#include <fstream>
#include <nlohmann/json.hpp>

#include "api_fixture.h"
#include "kernel/addressing/work_payload.h"
#include "kernel/addressing/work_step.h"
#include "kernel/hooks/hook_list.h"
#include "kernel/security/acl_list.h"
#include "kernel/security/org_secrets.h"

namespace edgesync::api {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

class Organizations : public ApiTest {
protected:
    Answer put_org(const std::string& org, const std::string& body, const std::string& key = "root@x") {
        return put("/organizations/" + org, body, key);
    }
    void do_work() {
        for (bool has_more = true; has_more;) {
            in_store([&](WriteTransaction& txn) {
                const auto items = txn.claim_work(node_.now() + std::chrono::seconds(1), std::chrono::seconds(30), 1);
                rules::Effects effects;
                has_more = !items.empty();
                if (has_more) addressing::run_work_step(node_, txn, items.front(), effects);
            });
        }
    }
};

TEST_F(Organizations, AreStoredAndListedWithoutTheirSecrets) {
    EXPECT_EQ(get("/organizations", "root@x").status, 404);
    EXPECT_EQ(put_org("acme", R"({"orgID":"acme","user":"u","password":"p","address":"ssl://broker:8883"})").status, 204);
    EXPECT_EQ(put_org("zoo", R"({"OrgID":"zoo"})").status, 204);
    EXPECT_EQ(get("/organizations", "root@x").body, R"([{"org-id":"acme","address":"ssl://broker:8883"},{"org-id":"zoo","address":""}])");
    EXPECT_EQ(get("/organizations/", "alice@acme").body, R"([{"org-id":"acme","address":"ssl://broker:8883"}])");
    EXPECT_EQ(get("/organizations", "alice@none").body, "[]");
    EXPECT_EQ(remove("/organizations/acme", "alice@acme").status, 204);
    EXPECT_EQ(remove("/organizations/unknown", "root@x").status, 204);
    EXPECT_EQ(get("/organizations", "root@x").body, R"([{"org-id":"zoo","address":""}])");
}

TEST_F(Organizations, HaveNoPrivateBrokerIfThatIsForbidden) {
    const auto with = [](const std::string& address) { return R"({"orgID":"acme","address":")" + address + "\"}"; };
    for (const bool is_allowed : {false, true}) {
        settings_.values["AllowPrivateIPs"] = is_allowed ? "true" : "false";
        for (const char* address : {"tcp://10.0.0.1:1883", "ssl://[::1]:8883", "ws://user@127.0.0.1/mqtt", "mqtt://169.254.169.254"})
            EXPECT_EQ(put_org("acme", with(address)).status, is_allowed ? 204 : 400) << address;
        for (const char* address : {"tcp://8.8.8.8:1883", "ssl://broker:8883"})
            EXPECT_EQ(put_org("acme", with(address)).status, 204) << address;
    }
}

TEST_F(Organizations, RefusalsFollowTheTable) {
    struct Case {
        std::string method, target, body, key;
        int status;
        std::string text;
    };
    const std::vector<Case> cases = {
        {"GET", "", "", "bob@acme", 403, "Unauthorized"},
        {"GET", "", "", "acme/bob", 403, "Unauthorized"},
        {"GET", "", "", "", 403, "Unauthorized"},
        {"PUT", "", "{}", "root@x", 405, ""},
        {"GET", "/acme", "", "root@x", 405, ""},
        {"PUT", "/acme/more", "{}", "root@x", 400, ""},
        {"PUT", "/acme", "{}", "alice@other", 403, "Unauthorized"},
        {"DELETE", "/acme", "", "alice@other", 403, "Unauthorized"},
        {"PUT", "/a:b", "{}", "root@x", 400, "Organization ID (a:b) contains invalid characters\n"},
        {"PUT", "/acme", "", "root@x", 400, "Invalid JSON for update. Error: EOF\n"},
        {"PUT", "/acme", R"({"orgID":"zoo"})", "root@x", 400, "Org ID (acme) in the URL doesn't match the org-id (zoo) in the payload\n"},
        {"PUT", "/acme", R"({"org-id":"acme"})", "root@x", 400, "Org ID (acme) in the URL doesn't match the org-id () in the payload\n"},
        {"PUT", "/acme", R"({"orgID":"acme","address":5})", "root@x", 400,
         "Invalid JSON for update. Error: field address must be a string\n"},
        {"PUT", "/acme", R"({"orgID":"acme","address":"file:///etc"})", "root@x", 400,
         "Invalid broker address (file:///etc): use tcp, ssl, ws, wss, mqtt or mqtts\n"},
    };
    for (const auto& part : cases) {
        const Answer answer = send({.method = part.method, .target = "/organizations" + part.target, .body = part.body, .key = part.key});
        EXPECT_EQ(answer.status, part.status) << part.method << part.target << part.key;
        EXPECT_EQ(answer.body, part.text) << part.method << part.target << part.key;
    }
}

TEST_F(Organizations, GoWithAllTheyHave) {
    add_node("camera", "cam7");
    for (int i = 0; i < 50; ++i) publish("model", "m" + std::to_string(i), R"("destinationType":"camera")");
    receive("model", "got", ObjectStatus::CompletelyReceived);
    in_store([](WriteTransaction& txn) {
        hooks::register_hook(txn, "acme", "model", "http://a/");
        security::put_acl(txn, "acme", security::AclKind::Objects, "model",
                          {{security::AclUserType::User, "bob", security::AclRole::Reader}});
        hooks::register_hook(txn, "zoo", "model", "http://a/");
    });
    EXPECT_EQ(get("/objects/acme/model/m1", "bob@acme").status, 200);
    EXPECT_EQ(remove("/organizations/acme", "root@x").status, 204);
    do_work();
    EXPECT_EQ(get("/objects/acme?filters=true", "root@x").status, 404);
    EXPECT_EQ(get("/destinations/acme", "root@x").status, 404);
    EXPECT_EQ(get("/security/objects/acme?all_keys=true", "root@x").status, 404);
    store_->read([](ReadTransaction& txn) {
        EXPECT_FALSE(hooks::has_hooks(txn, "acme", "model"));
        EXPECT_TRUE(hooks::has_hooks(txn, "zoo", "model"));
        EXPECT_TRUE(txn.notifications_of_peer({"acme", "camera", "cam7"}, "", 10).items.empty());
        EXPECT_EQ(txn.count_destinations(), 0U);
        EXPECT_EQ(txn.count_work(), 0U);
    });
}

TEST_F(Organizations, OfAServiceForOneAreFixed) {
    node_.self.org = "acme";
    settings_.values["BrokerAddress"] = "broker";
    settings_.values["BrokerPort"] = "1883";
    EXPECT_EQ(get("/organizations", "root@x").body, R"([{"org-id":"acme","address":"tcp://broker:1883"}])");
    EXPECT_EQ(get("/organizations", "alice@other").body, "[]");
    EXPECT_EQ(put_org("acme", R"({"orgID":"acme"})").body, "Can't modify organizations for single organization CSS\n");
    EXPECT_EQ(remove("/organizations/acme", "root@x").status, 400);
}

TEST_F(Organizations, NeedABrokerWhereNodesSpeakMqtt) {
    settings_.values["CommunicationProtocol"] = "http,MQTT";
    const Answer answer = put_org("acme", R"({"orgID":"acme"})");
    EXPECT_EQ(answer.status, 400);
    EXPECT_EQ(answer.body, "Can't create MQTT client for organization acme: no broker address\n");
    EXPECT_EQ(put_org("acme", R"({"orgID":"acme","address":"tcp://broker:1883"})").status, 204);
}

TEST_F(Organizations, OnWatsonAreManagedElsewhere) {
    settings_.values["CSSOnWIoTP"] = "true";
    node_.self.org = "acme";
    EXPECT_EQ(put_org("zoo", R"({"orgID":"zoo"})").body, "Can't modify organizations for CSS on WIoTP \n");
    EXPECT_EQ(get("/organizations", "root@x").status, 404) << "the one of the configuration is not the only one";
}

TEST_F(Organizations, PasswordsAreEncryptedWithTheKeyOfTheOperator) {
    const auto stored_value = [this] {
        std::string value;
        store_->read([&](ReadTransaction& txn) { value = txn.entry(EntryTable::Organization, {"acme"}).value_or(""); });
        return value;
    };
    const std::string body = R"({"orgID":"acme","user":"u","password":"s3cret","address":"ssl://broker:8883"})";
    EXPECT_EQ(put_org("acme", body).status, 204);
    EXPECT_THAT(stored_value(), HasSubstr("s3cret"));
    std::ofstream(root_ + "sync/org-key") << "0123456789abcdef0123456789abcdef";
    settings_.values["OrgSecretKeyFile"] = "sync/org-key";
    make_api(*authenticator_);
    EXPECT_EQ(put_org("acme", body).status, 204);
    EXPECT_THAT(stored_value(), Not(HasSubstr("s3cret")));
    const std::string password = addressing::split_fields(stored_value(), 3)[2];
    EXPECT_EQ(security::OrgSecrets(settings_, log_).open("acme", password), "s3cret");
}

TEST_F(Organizations, PasswordsThatWereStoredBeforeTheKeyAreEncryptedAtTheStart) {
    const auto stored = [this](const std::string& org) {
        std::string value;
        store_->read([&](ReadTransaction& txn) { value = txn.entry(EntryTable::Organization, {org}).value_or(""); });
        return addressing::split_fields(value, 3);
    };
    for (const std::string org : {"acme", "zoo", "open"}) {
        const std::string password = org == "open" ? "" : "s3cret of " + org;
        const std::string body = R"({"orgID":")" + org + R"(","user":"u","password":")" + password + R"(","address":"ssl://broker:8883"})";
        ASSERT_EQ(put_org(org, body).status, 204);
    }
    api_->start();
    EXPECT_EQ(stored("acme")[2], "s3cret of acme") << "there is no key";
    std::ofstream(root_ + "sync/org-key") << "0123456789abcdef0123456789abcdef";
    settings_.values["OrgSecretKeyFile"] = "sync/org-key";
    make_api(*authenticator_);
    api_->start();
    const security::OrgSecrets secrets(settings_, log_);
    for (const std::string org : {"acme", "zoo"}) {
        EXPECT_THAT(stored(org)[2], Not(HasSubstr("s3cret")));
        EXPECT_EQ(secrets.open(org, stored(org)[2]), "s3cret of " + org);
        EXPECT_EQ(stored(org)[0], "ssl://broker:8883");
        EXPECT_EQ(stored(org)[1], "u");
    }
    EXPECT_EQ(stored("open")[2], "");
    EXPECT_THAT(log_.lines, Contains(HasSubstr("Encrypted the broker passwords of 2 organizations")));
    const auto before = stored("acme");
    make_api(*authenticator_);
    api_->start();
    EXPECT_EQ(stored("acme"), before) << "once";
}

TEST_F(Organizations, AStoreThatFailsDoesNotStopTheStart) {
    std::ofstream(root_ + "sync/org-key") << "0123456789abcdef0123456789abcdef";
    settings_.values["OrgSecretKeyFile"] = "sync/org-key";
    make_api(*authenticator_);
    store_->reads_fail = ErrorKind::NotConnected;
    api_->start();
    EXPECT_THAT(log_.lines, Contains(HasSubstr("Cannot encrypt the stored broker passwords")));
}

class EdgeOrganizations : public EssApiTest {};

TEST_F(EdgeOrganizations, AreNone) {
    const Answer list = get("/organizations", "root@x");
    EXPECT_EQ(list.status, 400);
    EXPECT_EQ(list.body, "Failed to fetch the list of organizations. Error: ESS doesn't have organizations\n");
    EXPECT_EQ(put("/organizations/acme", "{}", "root@x").body, "ESS can't add organization\n");
    EXPECT_EQ(remove("/organizations/acme", "root@x").body, "ESS can't delete organization\n");
}

}  // namespace
}  // namespace edgesync::api
