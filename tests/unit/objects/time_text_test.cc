#include "kernel/objects/time_text.h"

#include <gtest/gtest.h>

namespace edgesync::objects {
namespace {

std::int64_t nanoseconds(const std::optional<TimePoint>& time) { return time ? time->time_since_epoch().count() : -1; }

TEST(TimeText, IsReadAsAnInstantWhateverItsOffset) {
    struct Row {
        const char* text;
        std::int64_t expected;
    };
    const Row rows[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01T00:00:01.5Z", 1'500'000'000},
        {"1970-01-01T02:00:00+02:00", 0},
        {"1969-12-31T19:00:00-05:00", 0},
        {"1970-01-01t00:00:00z", 0},
        {"1970-01-01T00:00:00.1234567899Z", 123'456'789},
        {"2000-02-29T00:00:00Z", 951'782'400'000'000'000},
    };
    for (const Row& row : rows) EXPECT_EQ(nanoseconds(parse_rfc3339(row.text)), row.expected) << row.text;
}

TEST(TimeText, RefusesEverythingElse) {
    for (const char* text :
         {"", "now", "1970-01-01", "1970-01-01T00:00:00", "1970-13-01T00:00:00Z", "1970-02-30T00:00:00Z", "2001-02-29T00:00:00Z",
          "1970-01-01T24:00:00Z", "1970-01-01T00:60:00Z", "1970-01-01T00:00:00.Z", "1970-01-01T00:00:00+0200", "1970-01-01T00:00:00+24:00",
          "1970-01-01T02:00:00 02:00", "1970-01-01T00:00:00Zx", " 1970-01-01T00:00:00Z", "70-01-01T00:00:00Z"}) {
        EXPECT_FALSE(parse_rfc3339(text)) << text;
    }
}

TEST(TimeText, YearsBeyondTheResolutionAreTheEarliestAndTheLatestInstant) {
    EXPECT_EQ(parse_rfc3339("0001-01-01T00:00:00Z"), TimePoint::min());
    EXPECT_EQ(parse_rfc3339("9999-12-31T23:59:59Z"), TimePoint::max());
}

TEST(TimeText, AnInstantIsWrittenInUtcWithoutItsFraction) {
    for (const char* text : {"1970-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "2024-02-29T12:34:56Z"})
        EXPECT_EQ(to_rfc3339(*parse_rfc3339(text)), text);
    EXPECT_EQ(to_rfc3339(*parse_rfc3339("2026-01-01T01:00:00.999+01:00")), "2026-01-01T00:00:00Z");
}

}  // namespace
}  // namespace edgesync::objects
