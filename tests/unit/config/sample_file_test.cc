#include <gmock/gmock.h>

#include <set>

#include "kernel/config/config_file.h"
#include "kernel/config/key_table.h"
#include "kernel/config/value_text.h"
#include "tests/unit/config/given.h"

namespace edgesync::config {
namespace {

using testing::IsEmpty;

std::string sample_text() {
    std::ifstream stream(EDGESYNC_SAMPLE_CONF);
    return {std::istreambuf_iterator<char>(stream), {}};
}

/// The keys and values that the sample shows, commented out ("#Key Value", no blank after the sign) or not.
FileValues shown_keys(Findings& findings) {
    std::istringstream stream(sample_text());
    std::string lines;
    for (std::string line; std::getline(stream, line);) {
        if (line.size() > 1 && line[0] == '#' && line[1] != ' ') line.erase(0, 1);
        if (line != "#") lines += line + "\n";
    }
    return parse_config_text(lines, "sync.conf", findings);
}

Configuration sample_with(const Variables& variables) {
    auto configuration = configuration_with(variables);
    configuration.load(EDGESYNC_SAMPLE_CONF, true);
    configuration.validate();
    configuration.finish();
    return configuration;
}

TEST(SampleFile, IsValidForAnEssOnceTheMandatoryValuesAreSet) {
    const auto configuration = sample_with({{"NODE_TYPE", "ESS"},
                                            {"ORG_ID", "acme"},
                                            {"DESTINATION_TYPE", "camera"},
                                            {"DESTINATION_ID", "cam7"},
                                            {"HTTP_CSS_HOST", "css.example.com"},
                                            {"HTTP_CSS_PORT", "8080"}});
    EXPECT_THAT(problem_texts(configuration), IsEmpty());
    EXPECT_THAT(configuration.warnings(), IsEmpty());
    EXPECT_EQ(configuration.store_plugin(), "lmdb");
    EXPECT_THAT(configuration.transport_plugins(), testing::ElementsAre("http"));
}

TEST(SampleFile, IsValidForACss) {
    const auto configuration = sample_with({{"NODE_TYPE", "CSS"}});
    EXPECT_THAT(problem_texts(configuration), IsEmpty());
    EXPECT_THAT(configuration.warnings(), IsEmpty());
}

TEST(SampleFile, ShowsOnlyKeysThatExistWithTheirDefaults) {
    const std::set<std::string> chosen = {"CommunicationProtocol", "StorageProvider"};
    Findings findings;
    const auto shown = shown_keys(findings);
    EXPECT_THAT(findings.problems, IsEmpty());
    const auto defaults = loaded("");
    for (const auto& [key, value] : shown) {
        ASSERT_NO_THROW(defaults.text(key)) << key;
        if (!chosen.contains(key)) {
            EXPECT_EQ(value.text, defaults.text(key)) << key;
        }
    }
}

TEST(SampleFile, ShowsEveryKeyThatHttpAndLmdbNeed) {
    Findings findings;
    const auto shown = shown_keys(findings);
    for (const auto& declaration : service_keys()) {
        const auto& key = declaration.key;
        const bool is_elsewhere = key.starts_with("MQTT") || key.starts_with("Postgres") || key == "CSSOnWIoTP" ||
                                  key == "UsingEdgeConnector" || key == "MessagingGroupCacheExpiration" || key == "HTTPCSSURL" ||
                                  key == "MaxInflightChunks" || key == "DatabaseConnectTimeout" || key == "LeadershipTimeout";
        if (!is_elsewhere) {
            EXPECT_TRUE(shown.contains(key)) << key;
        }
    }
}

}  // namespace
}  // namespace edgesync::config
