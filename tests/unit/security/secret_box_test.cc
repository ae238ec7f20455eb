#include "kernel/security/secret_box.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "edgesync/sdk/codec.h"
#include "fake_settings.h"
#include "tests/unit/temporary_folder.h"

namespace edgesync::security {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const std::string kKey(32, 'k');

TEST(SecretBox, OpensWhatItSealed) {
    const SecretBox box(kKey);
    for (const std::string& secret : {std::string("p"), std::string("\1s"), std::string(1000, 'x'), std::string("nul\0inside", 10)}) {
        const std::string stored = box.seal(secret, "acme");
        EXPECT_THAT(stored, ::testing::AnyOf(Not(HasSubstr(secret)), ::testing::SizeIs(::testing::Lt(50U)))) << "but by chance";
        EXPECT_TRUE(box.is_sealed(stored));
        EXPECT_EQ(box.open(stored, "acme").text(), secret);
        EXPECT_NE(box.seal(secret, "acme"), stored) << "each with a nonce of its own";
    }
    EXPECT_EQ(box.seal("", "acme"), "");
    EXPECT_TRUE(box.open("", "acme").empty());
}

TEST(SecretBox, OpensNothingElse) {
    const SecretBox box(kKey);
    const std::string stored = box.seal("secret", "acme");
    EXPECT_THROW(box.open(stored, "other"), Error);
    EXPECT_THROW(SecretBox(std::string(32, 'x')).open(stored, "acme"), Error);
    EXPECT_THROW(SecretBox().open(stored, "acme"), Error);
    EXPECT_THROW(box.open("\1s", "acme"), Error);
    EXPECT_THROW(box.open("\1sAAAA", "acme"), Error);
    auto octets = *codec::base64_decode(stored.substr(2));
    for (std::size_t i = 0; i < octets.size(); ++i) {
        std::string changed = octets;
        changed[i] = static_cast<char>(changed[i] ^ 1);
        EXPECT_THROW(box.open("\1s" + codec::base64_encode(changed), "acme"), Error) << i;
    }
}

TEST(SecretBox, WithoutAKeyStoresAsItIsAndWhatWasStoredSoStaysReadable) {
    for (const std::string& secret : {std::string("p"), std::string("\1sAAAA"), std::string("\1"), std::string("\1p")}) {
        const std::string stored = SecretBox().seal(secret, "acme");
        EXPECT_EQ(SecretBox().open(stored, "acme").text(), secret);
        EXPECT_EQ(SecretBox(kKey).open(stored, "acme").text(), secret);
        EXPECT_FALSE(SecretBox(kKey).is_sealed(stored));
    }
}

class SecretBoxFile : public ::testing::Test {
protected:
    SecretBoxFile() { settings_.root = folder_.root(); }
    SecretBox from(const std::string& content, unsigned mode = 0600) {
        const std::string path = folder_.root() + "org.key";
        std::ofstream(path, std::ios::binary) << content;
        ::chmod(path.c_str(), mode);
        settings_.values["OrgSecretKeyFile"] = "org.key";
        return SecretBox::from_settings(settings_, log_);
    }

    TemporaryFolder folder_;
    fakes::FakeSettings settings_;
    fakes::CollectingLog log_;
};

TEST_F(SecretBoxFile, HoldsTheKeyInOneOfThreeForms) {
    const std::string stored = SecretBox(kKey).seal("secret", "acme");
    std::string hex;
    for (int i = 0; i < 32; ++i) hex += "6b";
    for (const std::string& content : {kKey, codec::base64_encode(kKey), codec::base64_encode(kKey) + "\n", hex + "\n"}) {
        EXPECT_EQ(from(content).open(stored, "acme").text(), "secret") << content;
    }
    EXPECT_THAT(log_.lines, IsEmpty());
    settings_.values["OrgSecretKeyFile"] = folder_.root() + "org.key";
    EXPECT_TRUE(SecretBox::from_settings(settings_, log_).has_key());
    settings_.values["OrgSecretKeyFile"] = "";
    EXPECT_FALSE(SecretBox::from_settings(settings_, log_).has_key());
}

TEST_F(SecretBoxFile, ThatHoldsNoKeyStopsTheStart) {
    for (const std::string& content : {std::string(), std::string("short"), std::string(33, 'k'), std::string(5000, 'a')}) {
        EXPECT_THROW(from(content), Error) << content.size();
    }
    settings_.values["OrgSecretKeyFile"] = "missing.key";
    EXPECT_THROW(SecretBox::from_settings(settings_, log_), Error);
    settings_.values["OrgSecretKeyFile"] = folder_.root();
    EXPECT_THROW(SecretBox::from_settings(settings_, log_), Error);
}

TEST_F(SecretBoxFile, IsWarnedAboutIfOthersCanReadIt) {
    from(kKey, 0640);
    EXPECT_THAT(log_.lines, Contains(HasSubstr("chmod 600")));
}

TEST(SecretText, LeavesNothingBehind) {
    std::string text = "a secret that is too long to be kept inside";
    const char* place = text.data();
    wipe(text);
    EXPECT_EQ(text, "");
    EXPECT_EQ(text.data(), place) << "the same memory";
    EXPECT_EQ(std::string(place, 8), std::string(8, '\0'));

    SecretText first(std::string("short"));
    const SecretText second(std::move(first));
    EXPECT_EQ(second.text(), "short");
    EXPECT_TRUE(first.empty());
}

}  // namespace
}  // namespace edgesync::security
