#include "kernel/security/org_secrets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "fake_settings.h"
#include "tests/unit/temporary_folder.h"

namespace edgesync::security {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class OrgSecretsTest : public ::testing::Test {
protected:
    OrgSecretsTest() { settings_.root = folder_.root(); }
    OrgSecrets with_key(const std::string& name, const std::string& text) {
        std::ofstream(folder_.path() / name) << text;
        ::chmod((folder_.path() / name).c_str(), 0600);
        settings_.values["OrgSecretKeyFile"] = name;
        return {settings_, log_};
    }

    const std::string key_text_ = "0123456789abcdef0123456789abcdef\n";
    TemporaryFolder folder_;
    fakes::FakeSettings settings_;
    fakes::CollectingLog log_;
};

TEST_F(OrgSecretsTest, WithoutAKeyAreStoredAsTheyAre) {
    const OrgSecrets secrets(settings_, log_);
    EXPECT_EQ(secrets.seal("acme", "s3cret"), "s3cret");
    EXPECT_EQ(secrets.open("acme", "s3cret"), "s3cret");
}

TEST_F(OrgSecretsTest, WithAKeyCannotBeReadFromTheStore) {
    const OrgSecrets secrets = with_key("key", key_text_);
    const std::string sealed = secrets.seal("acme", "s3cret");
    EXPECT_THAT(sealed, Not(HasSubstr("s3cret")));
    EXPECT_NE(sealed, secrets.seal("acme", "s3cret")) << "equal passwords do not show";
    EXPECT_EQ(secrets.open("acme", sealed), "s3cret");
    EXPECT_EQ(with_key("again", key_text_ + "\n").open("acme", sealed), "s3cret");
    EXPECT_EQ(secrets.seal("acme", ""), "");
    EXPECT_EQ(secrets.open("acme", "stored before"), "stored before");
    EXPECT_THAT(log_.lines, IsEmpty());
}

TEST_F(OrgSecretsTest, OpenForTheirOrganizationWithTheirKeyAlone) {
    const OrgSecrets secrets = with_key("key", key_text_);
    const std::string sealed = secrets.seal("acme", "s3cret");
    EXPECT_THROW(secrets.open("other", sealed), Error);
    EXPECT_THROW(with_key("another", "another key of more than 32 characters").open("acme", sealed), Error);
    std::string damaged = sealed;
    damaged[20] = damaged[20] == 'A' ? 'B' : 'A';
    EXPECT_THROW(secrets.open("acme", damaged), Error);
    EXPECT_THROW(secrets.open("acme", "aes256gcm$AAAA"), Error);
    EXPECT_THROW(secrets.open("acme", "aes256gcm$%"), Error);
    settings_.values.clear();
    EXPECT_THROW(OrgSecrets(settings_, log_).open("acme", sealed), Error);
}

TEST_F(OrgSecretsTest, NeedAUsableFile) {
    settings_.values["OrgSecretKeyFile"] = "absent";
    EXPECT_THROW(OrgSecrets(settings_, log_), Error);
    EXPECT_THROW(with_key("short", "0123456789abcdef0123456789abcde \n\n"), Error);
    with_key("key", key_text_);
    ::chmod((folder_.path() / "key").c_str(), 0644);
    const OrgSecrets secrets(settings_, log_);
    EXPECT_THAT(log_.lines, Contains(HasSubstr("chmod 600")));
}

}  // namespace
}  // namespace edgesync::security
