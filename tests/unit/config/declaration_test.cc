#include <gmock/gmock.h>

#include "tests/unit/config/given.h"

namespace edgesync::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Type = SettingDeclaration::Type;

SettingDeclaration integer_key(const char* key, std::int64_t minimum, std::int64_t maximum) {
    return {key, "", Type::Integer, "5", "A number.", false, minimum, maximum};
}

TEST(PluginKeys, AreReadFromFileAndEnvironmentAndNoLongerUnknown) {
    auto configuration = loaded(std::string(kGoodCss) + "SqliteCacheMB 7\n", {{"SQLITE_MODE", "wal"}});
    configuration.validate();
    configuration.declare({integer_key("SqliteCacheMB", 1, 10), {"SqliteMode", "SQLITE_MODE", Type::Text, "off", "Mode."}}, "store-sqlite");
    configuration.finish();
    EXPECT_EQ(configuration.integer("SqliteCacheMB"), 7);
    EXPECT_EQ(configuration.text("SqliteMode"), "wal");
    EXPECT_THAT(configuration.warnings(), IsEmpty());
    EXPECT_EQ(configuration.exit_code(), 0);
}

TEST(PluginKeys, AreRangeChecked) {
    auto configuration = loaded("SqliteCacheMB 70\n");
    configuration.declare({integer_key("SqliteCacheMB", 1, 10)}, "store-sqlite");
    EXPECT_THAT(problem_texts(configuration), ElementsAre("SqliteCacheMB 70 is out of range 1..10"));
}

TEST(PluginKeys, MayRepeatAKeyOfTheServiceAndNarrowItsRange) {
    auto configuration = validated(std::string(kGoodCss) + "LmdbMapSizeMB 3\n");
    configuration.declare({integer_key("LmdbMapSizeMB", 4, 100)}, "store-lmdb");
    EXPECT_EQ(configuration.integer("LmdbMapSizeMB"), 3);
    EXPECT_THAT(problem_texts(configuration), ElementsAre("LmdbMapSizeMB 3 is out of range 4..100"));
}

TEST(PluginKeys, OfDifferentTypesCannotBeUsedTogether) {
    auto configuration = validated(kGoodCss);
    configuration.declare({{"HTTPPush", "", Type::Text, "", "x"}}, "transport-odd");
    ASSERT_EQ(configuration.problems().size(), 1u);
    EXPECT_EQ(configuration.problems()[0].text, "The key HTTPPush is declared as text by transport-odd and as bool by the service");
}

}  // namespace
}  // namespace edgesync::config
