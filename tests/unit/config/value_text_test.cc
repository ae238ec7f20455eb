#include "kernel/config/value_text.h"

#include <gmock/gmock.h>

#include "tests/unit/config/given.h"

namespace edgesync::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(Bools, TrueWordsInAnyCase) {
    for (const auto* word : {"1", "t", "T", "true", "TRUE", "True", "yes", "On"}) {
        EXPECT_TRUE(parse_bool(word).value) << word;
        EXPECT_TRUE(parse_bool(word).is_recognised) << word;
    }
}

TEST(Bools, EverythingElseIsFalseAndWordsThatAreNotFalseAreNoticed) {
    for (const auto* word : {"", "0", "f", "false", "No", "OFF"}) {
        EXPECT_FALSE(parse_bool(word).value) << word;
        EXPECT_TRUE(parse_bool(word).is_recognised) << word;
    }
    EXPECT_FALSE(parse_bool("maybe").value);
    EXPECT_FALSE(parse_bool("maybe").is_recognised);
    EXPECT_THAT(loaded("HTTPCSSUseSSL enabled\n").warnings(), ElementsAre(HasSubstr("HTTPCSSUseSSL 'enabled'")));
}

TEST(Integers, TheLeadingNumberCounts) {
    EXPECT_EQ(parse_integer("10")->value, 10);
    EXPECT_EQ(parse_integer("10s")->value, 10);
    EXPECT_EQ(parse_integer("+7")->value, 7);
    EXPECT_EQ(parse_integer("-7")->value, -7);
    EXPECT_EQ(parse_integer("")->value, 0);
    EXPECT_FALSE(parse_integer("abc"));
    EXPECT_FALSE(parse_integer("+-7"));
    EXPECT_FALSE(parse_integer("99999999999999999999"));
}

TEST(Integers, TextThatIsNoNumberCannotBeLoaded) {
    const auto configuration = validated(std::string(kGoodCss) + "ResendInterval soon\n");
    EXPECT_EQ(configuration.exit_code(), 99);
    EXPECT_THAT(configuration.problems()[0].line(), HasSubstr("ResendInterval 'soon' is not a number"));
}

TEST(Integers, TextThatIsNoNumberIsOneProblem) {
    const auto configuration = validated(std::string(kGoodCss) + "UnsecureListeningPort http\n");
    EXPECT_EQ(configuration.problems().size(), 1U) << "not also that the port is zero";
}

TEST(Integers, ValuesOutOfRangeAreNamedWithTheRange) {
    const auto configuration = validated(std::string(kGoodCss) + "BrokerPort 99999\nHTTPPollingInterval -1\n");
    EXPECT_EQ(configuration.exit_code(), 98);
    EXPECT_THAT(problem_texts(configuration),
                ElementsAre("HTTPPollingInterval -1 is out of range 1..65535", "BrokerPort 99999 is out of range 0..65535"));
}

TEST(Lists, BlanksAndEmptyElementsVanish) {
    EXPECT_THAT(parse_list(" a, b ,,c "), ElementsAre("a", "b", "c"));
    EXPECT_THAT(parse_list(""), IsEmpty());
}

}  // namespace
}  // namespace edgesync::config
