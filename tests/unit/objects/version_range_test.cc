#include "kernel/objects/version_range.h"

#include <gtest/gtest.h>

namespace edgesync::objects {
namespace {

TEST(VersionRange, ContainsWhatItsBracketsSay) {
    struct Row {
        const char* version;
        const char* range;
        bool is_inside;
    };
    const Row rows[] = {
        {"1.0.0", "[1.0.0,2.0.0)", true},
        {"2.0.0", "[1.0.0,2.0.0)", false},
        {"2.0.0", "[1.0.0,2.0.0]", true},
        {"1.0.0", "(1.0.0,2.0.0)", false},
        {"1.5", "(1,2)", true},
        {"1", "1", true},
        {"99.99.99", "1", true},
        {"0.9", "1", false},
        {"1.10.0", "[1.9,1.11]", true},
        {"3", "[2,INFINITY)", true},
        {"3", "[ 2 , INFINITY ]", true},
        {"1", "[2,1]", false},
        {"1.2.3.4", "[1,2]", false},
        {"01.2", "[1,2]", false},
        {"x", "[1,2]", false},
        {"1", "[1,2", false},
        {"1", "", false},
    };
    for (const Row& row : rows) EXPECT_EQ(version_in_range(row.version, row.range), row.is_inside) << row.version << " in " << row.range;
}

TEST(VersionRange, IsRefusedWhenMalformed) {
    for (const char* range : {"", "INFINITY", "[INFINITY,1]", "[1]", "[1,2,3]", "1.2.3.4", "[a,b]", "{1,2}", "(,)", "[1.-2,3]"}) {
        EXPECT_FALSE(is_version_range(range)) << range;
    }
    for (const char* range : {"1", "1.2", "1.2.3", "[1,2]", "(1,INFINITY)", "[2,1]"}) EXPECT_TRUE(is_version_range(range)) << range;
}

}  // namespace
}  // namespace edgesync::objects
