#include "kernel/security/authenticator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "fake_settings.h"
#include "kernel/security/dummy_authenticator.h"

namespace edgesync::security {
namespace {

using fakes::CollectingLog;
using fakes::FakeSettings;

class TemporaryRoot {
public:
    TemporaryRoot() {
        std::string name = (std::filesystem::temp_directory_path() / "edgesync-auth-XXXXXX").string();
        path_ = mkdtemp(name.data());
        std::filesystem::create_directories(path_ + "/sync");
    }
    ~TemporaryRoot() { std::filesystem::remove_all(path_); }
    std::string root() const { return path_ + "/"; }
    void put(const std::string& text) const { std::ofstream(path_ + "/sync/dummy-auth.json") << text; }

private:
    std::string path_;
};

struct KeyRow {
    std::string key;
    AuthCode code;
    std::string org;
    std::string user;
};

class DummyKeys : public ::testing::TestWithParam<KeyRow> {};

TEST_P(DummyKeys, DecideByTheirForm) {
    const DummyUsers users{{"plain", "both"}, {"root", "both"}, {"boss"}};
    const Identity identity = identity_of_key(GetParam().key, users);
    EXPECT_EQ(identity, (Identity{GetParam().code, GetParam().org, GetParam().user})) << GetParam().key;
}

INSTANTIATE_TEST_SUITE_P(
    Rows, DummyKeys,
    ::testing::Values(KeyRow{"acme/camera/cam7", AuthCode::EdgeNode, "acme", "camera/cam7"},
                      KeyRow{"acme/boss", AuthCode::Admin, "acme", "boss"}, KeyRow{"acme/eve", AuthCode::ObjectAdmin, "acme", "eve"},
                      KeyRow{"acme$vendor$1.0.0$viewer", AuthCode::Service, "acme", "vendor/1.0.0/viewer"},
                      KeyRow{"node1%acme", AuthCode::NodeUser, "acme", "node1"}, KeyRow{"plain@acme", AuthCode::User, "acme", "plain"},
                      KeyRow{"both@acme", AuthCode::User, "acme", "both"}, KeyRow{"root@acme", AuthCode::SyncAdmin, "", "root"},
                      KeyRow{"any@acme", AuthCode::Admin, "acme", "any"}, KeyRow{"a@mail.org@acme", AuthCode::Admin, "acme", "a@mail.org"},
                      KeyRow{"a@b@c@d", AuthCode::Failed, "", ""}, KeyRow{"a/b/c/d", AuthCode::Failed, "", ""},
                      KeyRow{"a$b$c", AuthCode::Failed, "", ""}, KeyRow{"a%b%c", AuthCode::Failed, "", ""},
                      KeyRow{"nobody", AuthCode::Failed, "", ""}, KeyRow{"", AuthCode::Failed, "", ""},
                      KeyRow{"u@mail/acme", AuthCode::ObjectAdmin, "u@mail", "acme"}));

HttpRequest with_authorization(const std::string& value) {
    HttpRequest request;
    request.headers.push_back({"authorization", value});
    return request;
}

TEST(BasicCredentialsOfARequest, AreKeyAndSecret) {
    const auto credentials = basic_credentials(with_authorization("Basic YWxpY2VAYWNtZTpzOjE="));
    ASSERT_TRUE(credentials);
    EXPECT_EQ(credentials->key, "alice@acme");
    EXPECT_EQ(credentials->secret.text(), "s:1");
    EXPECT_TRUE(basic_credentials(with_authorization("bAsIc YWxpY2VAYWNtZTpzOjE=")));
}

TEST(BasicCredentialsOfARequest, AreAbsentWhenTheHeaderIsMalformed) {
    EXPECT_FALSE(basic_credentials(HttpRequest{}));
    for (const char* value : {"", "Basic", "Basic !!!!", "Bearer YWxpY2VAYWNtZTpz", "Basic YWxpY2U=", "Basic YWxpY2VAYWNtZTpzOjE"}) {
        EXPECT_FALSE(basic_credentials(with_authorization(value))) << value;
    }
}

TEST(DummyAuthenticator, ReadsItsFile) {
    const TemporaryRoot root;
    root.put(R"({"regularUsers":["u1"],"SyncAdmins":["root"],"exchangeAdmins":null,"more":1})");
    FakeSettings settings;
    settings.root = root.root();
    CollectingLog log;
    DummyAuthenticator authenticator(settings, log);
    authenticator.start();
    EXPECT_EQ(authenticator.authenticate(with_authorization("Basic cm9vdEBhY21lOg==")).code, AuthCode::SyncAdmin);
    EXPECT_THAT(log.lines, ::testing::ElementsAre(::testing::HasSubstr("secrets are not checked")));
}

TEST(DummyAuthenticator, StartsWithoutItsFile) {
    FakeSettings settings;
    CollectingLog log;
    DummyAuthenticator authenticator(settings, log);
    authenticator.start();
    EXPECT_EQ(authenticator.authenticate(with_authorization("Basic cm9vdEBhY21lOg==")).code, AuthCode::Admin);
    EXPECT_EQ(log.lines.size(), 2u);
}

TEST(DummyAuthenticator, RefusesAMalformedFile) {
    for (const char* text : {"", "{", "[]", R"({"regularUsers":"u1"})", R"({"regularUsers":[1]})"}) {
        const TemporaryRoot root;
        root.put(text);
        FakeSettings settings;
        settings.root = root.root();
        CollectingLog log;
        DummyAuthenticator authenticator(settings, log);
        EXPECT_THROW(authenticator.start(), Error) << text;
    }
}

TEST(DummyAuthenticator, GivesCredentialsOnlyForTheCss) {
    FakeSettings settings;
    settings.values = {{"HTTPCSSURL", "http://css:8080"}, {"OrgID", "acme"}, {"DestinationType", "camera"}, {"DestinationID", "cam7"}};
    CollectingLog log;
    DummyAuthenticator authenticator(settings, log);
    EXPECT_EQ(authenticator.credentials_for_url("http://css:8080/spi/v1/ping").first, "acme/camera/cam7");
    EXPECT_EQ(authenticator.credentials_for_url("http://evil:8080/").first, "");
}

TEST(MakeAuthenticator, KnowsDummyOnly) {
    FakeSettings settings;
    settings.values = {{"AuthenticationHandler", "DUMMY"}, {"AllowDummyAuthentication", "true"}};
    CollectingLog log;
    EXPECT_TRUE(make_authenticator(settings, log));
    settings.values["AuthenticationHandler"] = "other";
    EXPECT_THROW(make_authenticator(settings, log), Error);
}

TEST(MakeAuthenticator, MayForbidDummyOnReachableListeners) {
    FakeSettings settings;
    settings.values = {{"AuthenticationHandler", "dummy"}, {"AllowDummyAuthentication", "false"}, {"ListeningType", "both"}};
    CollectingLog log;
    EXPECT_THROW(make_authenticator(settings, log), Error);
    settings.values["ListeningAddress"] = "127.0.0.1";
    EXPECT_TRUE(make_authenticator(settings, log));
    settings.values["ListeningAddress"] = "/run/edge.sock";
    EXPECT_THROW(make_authenticator(settings, log), Error);
    settings.values["ListeningType"] = "secure-unix";
    EXPECT_TRUE(make_authenticator(settings, log));
}

TEST(MakeAuthenticator, WarnsWhenSecretsCrossTheNetworkInClear) {
    struct Row {
        std::string type, address;
        bool warns;
    };
    for (const Row& row : {Row{"unsecure", "", true}, Row{"both", "0.0.0.0", true}, Row{"secure", "", false},
                           Row{"unsecure", "127.0.0.1", false}, Row{"unix", "/run/edge.sock", false}}) {
        FakeSettings settings;
        settings.values = {{"AuthenticationHandler", "preset"}, {"ListeningType", row.type}, {"ListeningAddress", row.address}};
        CollectingLog log;
        EXPECT_TRUE(make_authenticator(settings, log));
        EXPECT_EQ(log.lines.size(), row.warns ? 1U : 0U) << row.type << " " << row.address;
    }
}

}  // namespace
}  // namespace edgesync::security
