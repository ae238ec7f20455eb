#include "kernel/ops/log_line.h"

#include <gmock/gmock.h>

namespace edgesync::ops {
namespace {

using testing::EndsWith;
using testing::MatchesRegex;

TEST(LogLine, HasNodeTypeDateLevelAndText) {
    EXPECT_THAT(log_line("CSS", 0, LogLevel::Warning, "hello"),
                MatchesRegex("CSS: [0-9]{4}/[0-9]{2}/[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2} WARNING: hello"));
}

TEST(LogLine, ControlCharactersAreReplaced) {
    EXPECT_THAT(log_line("CSS", 0, LogLevel::Info,
                         "a\nb\tc\x1b[1m\x7f\xC2\x9B"
                         "d\xC3\xA4"),
                EndsWith("INFO: a b c?[1m???d\xC3\xA4"));
    EXPECT_THAT(log_line("CSS", 0, LogLevel::Info, std::string_view("a\0b", 3)), EndsWith("INFO: a?b"));
}

TEST(LogLine, ALongLineIsCutAtEightKibibytesBetweenCharacters) {
    EXPECT_EQ(log_line("CSS", 0, LogLevel::Info, std::string(20000, 'x')).size(), kLongestLogLine);
    std::string umlauts;
    for (int i = 0; i < 10000; ++i) umlauts += "\xC3\xA4";
    for (const auto* type : {"CSS", "CSS+"}) {
        const auto line = log_line(type, 0, LogLevel::Info, umlauts);
        EXPECT_LE(line.size(), kLongestLogLine);
        EXPECT_THAT(line, EndsWith("\xC3\xA4..."));
    }
}

TEST(LogLevels, AreReadInAnyCase) {
    EXPECT_EQ(parse_log_level("none"), LogLevel::None);
    EXPECT_EQ(parse_log_level("Warning"), LogLevel::Warning);
    EXPECT_EQ(parse_log_level("XTRACE"), LogLevel::Trace);
    EXPECT_FALSE(parse_log_level("loud"));
    EXPECT_FALSE(parse_log_level(""));
}

}  // namespace
}  // namespace edgesync::ops
