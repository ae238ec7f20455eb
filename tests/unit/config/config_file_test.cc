#include "kernel/config/config_file.h"

#include <gmock/gmock.h>

#include "tests/unit/config/given.h"

namespace edgesync::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Row {
    const char* name;
    std::string text;
    std::map<std::string, std::string> expected;
};

class ConfigLines : public testing::TestWithParam<Row> {};

TEST_P(ConfigLines, AreUnderstood) {
    Findings findings;
    std::map<std::string, std::string> values;
    for (const auto& [key, value] : parse_config_text(GetParam().text, "f", findings)) values[key] = value.text;
    EXPECT_EQ(values, GetParam().expected);
    EXPECT_THAT(findings.problems, IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(
    Table, ConfigLines,
    testing::Values(Row{"Plain", "Port 80\n", {{"Port", "80"}}}, Row{"AnyBlanksSeparate", " \t Port \t\v 80  \n", {{"Port", "80"}}},
                    Row{"NoFinalNewline", "Port 80", {{"Port", "80"}}}, Row{"Comment", "#Port 80\n", {}},
                    Row{"IndentedCommentTwice", "  # a\n  # b\n", {}}, Row{"NoInlineComment", "Port 80 # x\n", {{"Port", "80#x"}}},
                    Row{"BlankLines", "\n \n\t\n", {}}, Row{"BlanksInsideValueVanish", "L a, b  c\n", {{"L", "a,bc"}}},
                    Row{"QuotesStay", "L \"a\"\n", {{"L", "\"a\""}}}, Row{"KeyAlone", "MQTTUseSSL\n", {{"MQTTUseSSL", ""}}},
                    Row{"CaseIsExact", "port 1\nPort 2\n", {{"port", "1"}, {"Port", "2"}}},
                    Row{"BomAndCarriageReturns", "\xEF\xBB\xBFPort 80\r\nHost h\r\n", {{"Port", "80"}, {"Host", "h"}}},
                    Row{"LongLine", "K " + std::string(70000, 'x'), {{"K", std::string(70000, 'x')}}}),
    [](const auto& tested) { return std::string(tested.param.name); });

TEST(ConfigFile, RefusesAKeyThatOccursTwice) {
    Findings findings;
    parse_config_text("Port 1\nHost h\nPort 2\n", "sync.conf", findings);
    ASSERT_EQ(findings.problems.size(), 1u);
    EXPECT_EQ(findings.problems[0].text, "The property 'Port' is found twice in the file 'sync.conf'");
    EXPECT_EQ(findings.problems[0].kind, Problem::Kind::Load);
    EXPECT_THAT(findings.problems[0].line(), HasSubstr("lines 1 and 3"));
}

TEST(ConfigFile, RefusesALineLongerThanOneMebibyte) {
    Findings findings;
    parse_config_text("Port 1\nK " + std::string(kLongestLine, 'x') + "\n", "f", findings);
    ASSERT_EQ(findings.problems.size(), 1u);
    EXPECT_THAT(findings.problems[0].text, HasSubstr("Line 2"));
}

TEST(ConfigFile, AMissingFileIsNoProblemAndOnlyWorthAWarningIfItWasNamed) {
    for (const bool is_named : {false, true}) {
        auto configuration = configuration_with({});
        configuration.load("/nonexistent/sync.conf", is_named);
        EXPECT_THAT(configuration.problems(), IsEmpty());
        EXPECT_EQ(configuration.warnings().size(), is_named ? 1u : 0u);
        EXPECT_EQ(configuration.integer("UnsecureListeningPort"), 8080);
    }
}

TEST(ConfigFile, AFolderCannotBeLoaded) {
    PrivateFolder folder;
    auto configuration = configuration_with({});
    configuration.load(folder.path(), true);
    EXPECT_EQ(configuration.exit_code(), 99);
}

TEST(ConfigFile, WarnsOnceAboutEachKeyThatNobodyKnows) {
    const auto configuration = validated(std::string(kGoodCss) + "nodetype CSS\nTyop 1\n");
    EXPECT_THAT(configuration.warnings(),
                ElementsAre("The key 'Tyop' is unknown and ignored", "The key 'nodetype' is unknown and ignored; did you mean NodeType?"));
    EXPECT_EQ(configuration.exit_code(), 0);
}

TEST(ConfigFile, WarnsAboutBlanksInsideAValueButNotInsideAList) {
    const auto configuration = loaded("LogFileName my log\nMongoPassword x\nMQTTPassword a b\nLogTraceDestination file, stdout\n");
    EXPECT_THAT(configuration.warnings(),
                testing::UnorderedElementsAre("LogFileName: the blanks inside the value were removed, it is now 'mylog'",
                                              "MQTTPassword: the blanks inside the value were removed"));
    EXPECT_THAT(configuration.list("LogTraceDestination"), ElementsAre("file", "stdout"));
}

}  // namespace
}  // namespace edgesync::config
