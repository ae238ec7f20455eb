#include "kernel/api/byte_range.h"

#include <gtest/gtest.h>

#include <ostream>

namespace edgesync::api {
namespace {

using Kind = RangeAnswer::Kind;

struct Row {
    const char* field;
    std::int64_t size;
    Kind kind;
    std::int64_t begin = 0;
    std::int64_t end = 0;
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.field << " of " << row.size; }

class ByteRanges : public ::testing::TestWithParam<Row> {};

TEST_P(ByteRanges, AreAnsweredAsTheTableSays) {
    const RangeAnswer answer = answer_range(GetParam().field, GetParam().size);
    ASSERT_EQ(answer.kind, GetParam().kind);
    if (answer.kind == Kind::Part) {
        EXPECT_EQ(answer.begin, GetParam().begin);
        EXPECT_EQ(answer.end, GetParam().end);
    }
    if (answer.kind == Kind::Whole) {
        EXPECT_EQ(answer.end, GetParam().size);
    }
}

INSTANTIATE_TEST_SUITE_P(
    Rows, ByteRanges,
    ::testing::Values(Row{"bytes=0-9", 100, Kind::Part, 0, 10}, Row{"bytes=90-99", 100, Kind::Part, 90, 100},
                      Row{"bytes=90-199", 100, Kind::Part, 90, 100}, Row{"bytes=0-99", 100, Kind::Whole},
                      Row{"bytes=0-500", 100, Kind::Whole}, Row{"bytes=0-98", 100, Kind::Part, 0, 99},
                      Row{"bytes=1-100", 100, Kind::Part, 1, 100}, Row{"bytes=50-99999999999999999999", 100, Kind::Part, 50, 100},
                      Row{"bytes=0-99999999999999999999", 100, Kind::Whole}, Row{"bytes=100-100", 100, Kind::Beyond},
                      Row{"bytes=5-", 100, Kind::Part, 5, 100}, Row{"bytes=0-", 100, Kind::Part, 0, 100},
                      Row{"bytes=100-", 100, Kind::Beyond}, Row{"bytes=-5", 100, Kind::Part, 95, 100},
                      Row{"bytes=-500", 100, Kind::Part, 0, 100}, Row{"bytes=-0", 100, Kind::Beyond}, Row{"bytes=0-0", 0, Kind::Whole},
                      Row{"bytes=1-1", 0, Kind::Beyond}, Row{"bytes=-1", 0, Kind::Beyond}, Row{"", 100, Kind::Invalid},
                      Row{"x", 100, Kind::Invalid}, Row{"bytes", 100, Kind::Invalid}, Row{"bytes=", 100, Kind::Invalid},
                      Row{"bytes=-", 100, Kind::Invalid}, Row{"bytes=5", 100, Kind::Invalid}, Row{"bytes=9-5", 100, Kind::Invalid},
                      Row{"bytes=0-5,7-9", 100, Kind::Invalid}, Row{"bytes=a-b", 100, Kind::Invalid}, Row{"bytes= 0-5", 100, Kind::Invalid},
                      Row{"bytes=0--5", 100, Kind::Invalid}, Row{"bytes=+0-5", 100, Kind::Invalid}, Row{"items=0-5", 100, Kind::Invalid}));

}  // namespace
}  // namespace edgesync::api
