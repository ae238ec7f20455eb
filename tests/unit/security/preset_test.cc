#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "edgesync/sdk/codec.h"
#include "fake_settings.h"
#include "kernel/security/credential_cache.h"
#include "kernel/security/preset_authenticator.h"
#include "kernel/security/secret_hash.h"
#include "tests/unit/temporary_folder.h"

namespace edgesync::security {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

HttpRequest request_of(const std::string& key, const std::string& secret) {
    HttpRequest request;
    request.headers.push_back({"Authorization", "Basic " + codec::base64_encode(key + ":" + secret)});
    return request;
}

TEST(SecretHash, MatchesItsSecretAlone) {
    const std::string hash = hash_secret("s3cret");
    EXPECT_TRUE(is_secret_hash(hash)) << hash;
    EXPECT_TRUE(matches_hash("s3cret", hash));
    EXPECT_FALSE(matches_hash("s3cres", hash));
    EXPECT_FALSE(matches_hash("", hash));
    EXPECT_NE(hash, hash_secret("s3cret")) << "salted";
    // Computed by another implementation.
    EXPECT_TRUE(matches_hash("password", "pbkdf2-sha256$4096$c2FsdHNhbHQ=$ZiMD/VuDIBLM8rT9ZlFkcm8vO44PH2jtvpsH6s4pwvU="));
}

TEST(SecretHash, RefusesOtherForms) {
    const std::string hash = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    for (const std::string& text : std::vector<std::string>{
             "", "secret", "pbkdf2-sha256$1000$c2FsdHNhbHQ=", "pbkdf2-sha1$1000$c2FsdHNhbHQ=$" + hash,
             "pbkdf2-sha256$999$c2FsdHNhbHQ=$" + hash, "pbkdf2-sha256$9999999$c2FsdHNhbHQ=$" + hash, "pbkdf2-sha256$x$c2FsdHNhbHQ=$" + hash,
             "pbkdf2-sha256$1000$c2Fs$" + hash, "pbkdf2-sha256$1000$c2FsdHNhbHQ=$AAAA", "pbkdf2-sha256$1000$c2FsdHNhbHQ=$" + hash + "$x"}) {
        EXPECT_FALSE(is_secret_hash(text)) << text;
        EXPECT_FALSE(matches_hash("", text)) << text;
    }
}

class PresetTest : public ::testing::Test {
protected:
    PresetTest() {
        settings_.root = folder_.root();
        std::filesystem::create_directories(folder_.path() / "sync");
    }
    void put(const std::string& text) {
        std::ofstream(file_) << text;
        ::chmod(file_.c_str(), 0600);
    }
    Identity ask(const std::string& key, const std::string& secret) { return authenticator_.authenticate(request_of(key, secret)); }

    TemporaryFolder folder_;
    const std::string file_ = folder_.root() + "sync/preset-auth.json";
    fakes::FakeSettings settings_;
    fakes::CollectingLog log_;
    PresetAuthenticator authenticator_{settings_, log_};
};

TEST_F(PresetTest, KnowsEveryType) {
    put(R"({"credentials":{
        "k1":{"secret":"s1","orgID":"acme","username":"camera/cam7","type":"EdgeNode"},
        "k2":{"secret":"s2","orgID":"acme","username":"alice","type":"admin"},
        "k3":{"secret":"s3","orgID":"acme","username":"bob","type":"USER"},
        "k4":{"secret":"s4","username":"root","type":"syncadmin"},
        "k5":{"secret":"s5","orgID":"acme","username":"so/1.0/sn","type":"service"},
        "k6":{"secret":"s6","orgID":"acme","username":"eve","type":"objectadmin"},
        "k7":{"Secret":"s7","orgid":"acme","UserName":"n","Type":"NodeUser"},
        "k8":{"secret":"s8","orgID":"acme","username":"x","type":"king"}}})");
    authenticator_.start();
    EXPECT_EQ(ask("k1", "s1"), (Identity{AuthCode::EdgeNode, "acme", "camera/cam7"}));
    EXPECT_EQ(ask("k2", "s2"), (Identity{AuthCode::Admin, "acme", "alice"}));
    EXPECT_EQ(ask("k3", "s3"), (Identity{AuthCode::User, "acme", "bob"}));
    EXPECT_EQ(ask("k4", "s4"), (Identity{AuthCode::SyncAdmin, "", "root"}));
    EXPECT_EQ(ask("k5", "s5"), (Identity{AuthCode::Service, "acme", "so/1.0/sn"}));
    EXPECT_EQ(ask("k6", "s6"), (Identity{AuthCode::ObjectAdmin, "acme", "eve"}));
    EXPECT_EQ(ask("k7", "s7"), (Identity{AuthCode::NodeUser, "acme", "n"}));
    EXPECT_EQ(ask("k8", "s8").code, AuthCode::Failed);
    EXPECT_THAT(log_.lines, Contains(HasSubstr("k8")));
    for (const auto& [key, secret] :
         std::vector<std::pair<std::string, std::string>>{{"k1", "s2"}, {"k1", ""}, {"k9", ""}, {"", ""}, {"k1", "s1x"}})
        EXPECT_EQ(ask(key, secret).code, AuthCode::Failed) << key << ":" << secret;
    EXPECT_EQ(authenticator_.authenticate(HttpRequest{}).code, AuthCode::Failed);
}

TEST_F(PresetTest, TakesHashes) {
    put(R"({"credentials":{"k":{"secretHash":")" + hash_secret("s") + R"(","orgID":"acme","username":"alice","type":"admin"}}})");
    authenticator_.start();
    EXPECT_EQ(ask("k", "s").code, AuthCode::Admin);
    EXPECT_EQ(ask("k", "t").code, AuthCode::Failed);
}

TEST_F(PresetTest, OnlyHashesMayKeepAThreadWaiting) {
    put(R"({"credentials":{"h":{"secretHash":")" + hash_secret("s") + R"(","orgID":"acme","username":"a","type":"admin"},
        "p":{"secret":"s","orgID":"acme","username":"b","type":"admin"}}})");
    authenticator_.start();
    EXPECT_TRUE(authenticator_.may_block(request_of("h", "s")));
    EXPECT_FALSE(authenticator_.may_block(request_of("p", "s")));
    EXPECT_FALSE(authenticator_.may_block(request_of("unknown", "s")));
    EXPECT_FALSE(authenticator_.may_block(HttpRequest{}));
}

TEST_F(PresetTest, WithoutItsFileNobodyAuthenticates) {
    authenticator_.start();
    EXPECT_EQ(ask("k", "s").code, AuthCode::Failed);
    EXPECT_THAT(log_.lines, Contains(HasSubstr("nobody can authenticate")));
}

TEST_F(PresetTest, AMalformedFileStopsTheStart) {
    for (
        const char* text :
        {"", "[]", "{", R"({"credentials":[]})", R"({"credentials":{"k":"s"}})", R"({"credentials":{"k":{"secret":7}}})",
         R"({"credentials":{"k":{"secrte":"s","orgID":"acme","username":"a","type":"admin"}}})",
         R"({"credentials":{"k":{"secretHash":"plain"}}})", R"({"cssCredentials":"k"})",
         R"({"credentials":{"k":{"secret":"s","secretHash":"pbkdf2-sha256$1000$c2FsdHNhbHQ=$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}}})"}) {
        put(text);
        try {
            authenticator_.start();
            ADD_FAILURE() << text;
        } catch (const Error& error) {
            EXPECT_THAT(error.what(), HasSubstr("preset-auth.json is malformed, correct it: ")) << text;
            EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << text;
        }
    }
}

TEST_F(PresetTest, OthersMustNotReadTheFile) {
    put("{}");
    authenticator_.start();
    EXPECT_THAT(log_.lines, IsEmpty());
    ::chmod(file_.c_str(), 0640);
    authenticator_.start();
    EXPECT_THAT(log_.lines, Contains(HasSubstr("chmod 600")));
}

TEST_F(PresetTest, ReadsTheFileAgain) {
    put(R"({"credentials":{"k":{"secret":"s","orgID":"acme","username":"a","type":"admin"}}})");
    authenticator_.start();
    put("broken");
    authenticator_.reload();
    EXPECT_EQ(ask("k", "s").code, AuthCode::Admin) << "a broken file changes nothing";
    put(R"({"credentials":{"k":{"secret":"new","orgID":"acme","username":"a","type":"admin"}}})");
    authenticator_.reload();
    EXPECT_EQ(ask("k", "s").code, AuthCode::Failed);
    EXPECT_EQ(ask("k", "new").code, AuthCode::Admin);
}

TEST_F(PresetTest, HasTheCredentialsForTheCss) {
    put(R"({"cssCredentials":{"key":"edge","secret":"s"}})");
    settings_.values["HTTPCSSURL"] = "https://css:8443";
    authenticator_.start();
    EXPECT_EQ(authenticator_.credentials_for_url("https://css:8443/spi"), (std::pair<std::string, std::string>{"edge", "s"}));
    EXPECT_EQ(authenticator_.credentials_for_url("https://other/"), (std::pair<std::string, std::string>{}));
}

/// Counts how often it is asked; knows one secret.
class CountingAuthenticator : public Authenticator {
public:
    void start() override {}
    void reload() override { secret = "new"; }
    Identity authenticate(const HttpRequest& request) override {
        ++asked;
        const auto given = basic_credentials(request);
        return given->secret.text() == secret ? Identity{AuthCode::Admin, "acme", given->key} : Identity{};
    }
    std::pair<std::string, std::string> credentials_for_url(const std::string&) override { return {"k", "s"}; }
    bool is_cacheable() const override { return true; }
    bool may_block(const HttpRequest&) const override { return is_slow; }
    bool is_slow = true;
    std::string secret = "right";
    int asked = 0;
};

class CredentialCacheTest : public ::testing::Test {
protected:
    AuthCode ask(const std::string& key, const std::string& secret) { return cache_.authenticate(request_of(key, secret)).code; }

    CredentialCache::Clock::time_point now_{};
    std::unique_ptr<CountingAuthenticator> owned_ = std::make_unique<CountingAuthenticator>();
    CountingAuthenticator& inner_ = *owned_;
    CredentialCache cache_{std::move(owned_), [this] { return now_; }};
};

TEST_F(CredentialCacheTest, AsksOnceInAQuarterOfAnHour) {
    for (int i = 0; i < 5; ++i) EXPECT_EQ(ask("k", "right"), AuthCode::Admin);
    EXPECT_EQ(inner_.asked, 1);
    now_ += std::chrono::minutes(15);
    EXPECT_EQ(ask("k", "right"), AuthCode::Admin);
    EXPECT_EQ(inner_.asked, 2);
}

TEST_F(CredentialCacheTest, AWrongSecretNeitherPassesNorForgetsTheRightOne) {
    ask("k", "right");
    EXPECT_EQ(ask("k", "wrong"), AuthCode::Failed);
    EXPECT_EQ(inner_.asked, 2);
    EXPECT_EQ(ask("k", "right"), AuthCode::Admin);
    EXPECT_EQ(inner_.asked, 2);
}

TEST_F(CredentialCacheTest, SlowsGuessingDown) {
    for (int i = 0; i < 100; ++i) EXPECT_EQ(ask("k", "guess" + std::to_string(i)), AuthCode::Failed);
    EXPECT_EQ(inner_.asked, 1);
    EXPECT_EQ(ask("other", "right"), AuthCode::Admin) << "one key does not hold up another";
    now_ += std::chrono::seconds(2);
    EXPECT_EQ(ask("k", "right"), AuthCode::Admin);
}

TEST_F(CredentialCacheTest, GuessesOfOthersLockNobodyOut) {
    ask("k", "right");
    now_ += std::chrono::minutes(15);
    EXPECT_EQ(ask("k", "guess"), AuthCode::Failed);
    EXPECT_EQ(ask("k", "right"), AuthCode::Admin) << "checked again, although the key is refused for a while";
    now_ += std::chrono::minutes(15);
    EXPECT_EQ(ask("k", "guess"), AuthCode::Failed);
    EXPECT_EQ(ask("k", "other guess"), AuthCode::Failed);
    EXPECT_EQ(inner_.asked, 4) << "guessing is slow all the same";
}

TEST_F(CredentialCacheTest, ASecretThatIsRightNoMoreIsAGuess) {
    ask("k", "right");
    inner_.secret = "changed";
    now_ += std::chrono::minutes(15);
    EXPECT_EQ(ask("k", "right"), AuthCode::Failed);
    EXPECT_EQ(ask("k", "right"), AuthCode::Failed);
    EXPECT_EQ(inner_.asked, 2);
}

TEST_F(CredentialCacheTest, KeepsTheRecentlyUsed) {
    ask("first", "right");
    for (std::size_t i = 0; i + 1 < CredentialCache::kMostEntries; ++i) ask("k" + std::to_string(i), "right");
    ask("first", "right");
    ask("one more", "right");
    const int before = inner_.asked;
    ask("first", "right");
    EXPECT_EQ(inner_.asked, before);
    ask("k0", "right");
    EXPECT_EQ(inner_.asked, before + 1) << "the least recently used is gone";
}

TEST_F(CredentialCacheTest, ForgetsEverybodyAtAReload) {
    ask("k", "right");
    cache_.reload();
    EXPECT_EQ(ask("k", "right"), AuthCode::Failed);
    EXPECT_EQ(ask("j", "new"), AuthCode::Admin);
}

TEST_F(CredentialCacheTest, MayBlockOnlyWhereItMustAsk) {
    const auto may_block = [this](const std::string& secret) { return cache_.may_block(request_of("k", secret)); };
    EXPECT_TRUE(may_block("right"));
    ask("k", "right");
    EXPECT_FALSE(may_block("right")) << "it is remembered";
    EXPECT_TRUE(may_block("wrong"));
    ask("k", "wrong");
    EXPECT_FALSE(may_block("wrong")) << "it is refused for a while, unasked";
    EXPECT_FALSE(may_block("other guess"));
    now_ += std::chrono::seconds(2);
    EXPECT_TRUE(may_block("wrong"));
    now_ += std::chrono::minutes(15);
    EXPECT_TRUE(may_block("right"));
    EXPECT_FALSE(cache_.may_block(HttpRequest{}));
    EXPECT_EQ(inner_.asked, 2) << "nobody was asked for that";
    inner_.is_slow = false;
    EXPECT_FALSE(may_block("right")) << "what is fast is done at once";
}

TEST_F(CredentialCacheTest, LetsNobodyInWithoutCredentials) {
    EXPECT_EQ(cache_.authenticate(HttpRequest{}).code, AuthCode::Failed);
    EXPECT_EQ(inner_.asked, 0);
}

}  // namespace
}  // namespace edgesync::security
