#include <gmock/gmock.h>

#include <sstream>

#include "edgesync/sdk/error.h"
#include "kernel/config/key_table.h"
#include "tests/unit/config/given.h"

namespace edgesync::config {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

TEST(Precedence, EnvironmentBeatsFileBeatsDefault) {
    EXPECT_EQ(loaded("").integer("UnsecureListeningPort"), 8080);
    EXPECT_EQ(loaded("UnsecureListeningPort 81\n").integer("UnsecureListeningPort"), 81);
    EXPECT_EQ(loaded("UnsecureListeningPort 81\n", {{"UNSECURE_LISTENING_PORT", "82"}}).integer("UnsecureListeningPort"), 82);
}

TEST(Precedence, TheCommandLineBeatsThemAll) {
    auto configuration = loaded(std::string(kGoodCss) + "SwaggerFile file.json\n", {{"SWAGGER_ENABLED", "false"}});
    configuration.set_from_command_line("SwaggerEnabled", "true", "-swagger was given");
    configuration.set_from_command_line("SwaggerFile", "line.json", "-swagger was given");
    configuration.validate();
    EXPECT_TRUE(configuration.boolean("SwaggerEnabled"));
    EXPECT_EQ(configuration.text("SwaggerFile"), "/here/line.json") << "relative to the working directory";
    EXPECT_THAT(configuration.changes(), Contains(HasSubstr("-swagger was given")));
}

TEST(Precedence, TheVariableSpelledLikeTheKeyBeatsTheOther) {
    EXPECT_EQ(loaded("", {{"NODE_TYPE", "ESS"}, {"NodeType", "CSS"}}).text("NodeType"), "CSS");
}

TEST(Precedence, AnEmptyValueIsSet) {
    const auto configuration = loaded("MQTTUseSSL\n", {{"LogLevel", ""}, {"ESS_PING_INTERVAL", ""}});
    EXPECT_FALSE(configuration.boolean("MQTTUseSSL"));
    EXPECT_EQ(configuration.text("LogLevel"), "");
    EXPECT_EQ(configuration.integer("ESSPingInterval"), 0);
    EXPECT_TRUE(configuration.is_set("MQTTUseSSL"));
    EXPECT_FALSE(configuration.is_set("NodeType"));
}

TEST(Precedence, SecondSpellingsAreAcceptedAndLose) {
    EXPECT_EQ(loaded("DestinationId a\nOrgId o\nMQTTClientId c\n").text("DestinationID"), "a");
    EXPECT_EQ(loaded("OrgId o\n").text("OrgID"), "o");
    EXPECT_EQ(loaded("DestinationId a\nDestinationID b\n").text("DestinationID"), "b");
    EXPECT_EQ(loaded("MaxCompressedLogTraceFilesNumber 7\n").integer("MaxCompressedlLogTraceFilesNumber"), 7);
    EXPECT_EQ(loaded("", {{"MQTT_CERTIFICATE_PINNING_FINGERPRINTS", "ab"}}).text("MQTTPinnedCertFingerprints"), "ab");
}

TEST(KeyTable, EveryKeyHasAnEnvironmentNameAndAHelpAndADefaultInItsRange) {
    for (const auto& key : service_keys()) {
        EXPECT_FALSE(key.help.empty()) << key.key;
        if (key.key != "HTTPCSSURL") {
            EXPECT_FALSE(key.environment.empty()) << key.key;
        }
    }
    EXPECT_EQ(loaded("").exit_code(), 0);
}

TEST(Settings, AKeyThatNobodyDeclaredIsOurMistake) {
    const auto configuration = loaded("Foo 1\n");
    EXPECT_THROW(configuration.text("Foo"), Error);
    EXPECT_THROW(configuration.integer("NodeType"), Error);
    EXPECT_THROW(configuration.boolean("NodeType"), Error);
}

TEST(Print, MasksSecretsAndShowsWhereValuesComeFrom) {
    auto configuration = validated(std::string(kGoodCss) + "MQTTPassword pw1\nServerKey /k.pem\nPostgresConnection host=x\n");
    configuration.declare({{"SqliteSecret", "", SettingDeclaration::Type::Text, "hidden", "x"}}, "store-sqlite");
    std::ostringstream out;
    configuration.print_effective(out);
    EXPECT_THAT(out.str(), Not(HasSubstr("pw1")));
    EXPECT_THAT(out.str(), Not(HasSubstr("/k.pem")));
    EXPECT_THAT(out.str(), Not(HasSubstr("host=x")));
    EXPECT_THAT(out.str(), Not(HasSubstr("hidden")));
    EXPECT_THAT(out.str(), testing::ContainsRegex("MQTTPassword +file +<...>\n"));
    EXPECT_THAT(out.str(), testing::ContainsRegex("ServerCertificate +default +\n"));
    EXPECT_THAT(out.str(), testing::ContainsRegex("UnsecureListeningPort +default +8080\n"));
    EXPECT_THAT(out.str(), testing::ContainsRegex("DestinationType +derived +Cloud\n"));
}

}  // namespace
}  // namespace edgesync::config
