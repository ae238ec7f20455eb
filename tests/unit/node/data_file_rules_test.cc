// What the configuration keeps from data URIs.
#include "kernel/node/data_file_rules.h"

#include <gmock/gmock.h>

#include "tests/unit/security/fake_settings.h"

namespace edgesync::node {
namespace {

using ::testing::Contains;

TEST(DataFileRules, ReserveWhatIsServedWithoutCredentials) {
    fakes::FakeSettings settings;
    settings.root = "/persist/";
    settings.values["SwaggerUIPath"] = "/persist/page";
    settings.values["SwaggerFile"] = "/persist/openapi.json";
    const files::DataFileRules rules = data_file_rules(settings);
    EXPECT_THAT(rules.reserved, Contains("/persist/page"));
    EXPECT_THAT(rules.reserved, Contains("/persist/openapi.json"));
}

}  // namespace
}  // namespace edgesync::node
