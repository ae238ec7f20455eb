#include "kernel/data/ranges.h"

#include <gtest/gtest.h>

#include <bitset>
#include <random>

#include "kernel/data/chunked_upload.h"

namespace edgesync::data {
namespace {

TEST(Ranges, BehaveLikeASetOfOctetsForRandomSequences) {
    std::minstd_rand random(7);
    for (int round = 0; round < 200; ++round) {
        std::vector<ByteRange> set;
        std::bitset<64> model;
        for (int step = 0; step < 20; ++step) {
            const auto begin = static_cast<std::int64_t>(random() % 64);
            const auto end = begin + static_cast<std::int64_t>(random() % 12);
            add_range(set, {begin, std::min<std::int64_t>(end, 64)});
            for (std::int64_t at = begin; at < std::min<std::int64_t>(end, 64); ++at) model.set(static_cast<std::size_t>(at));
            ASSERT_EQ(size_of(set), static_cast<std::int64_t>(model.count()));
            for (std::size_t i = 1; i < set.size(); ++i) ASSERT_GT(set[i].begin, set[i - 1].end) << "ranges touch or overlap";
            ASSERT_EQ(covers(set, 64), model.all());
            std::int64_t lacking = 0;
            for (const auto& gap : missing(set, 64)) lacking += gap.end - gap.begin;
            ASSERT_EQ(lacking, 64 - static_cast<std::int64_t>(model.count()));
        }
    }
}

TEST(Ranges, AnEmptyTotalIsAlwaysCovered) { EXPECT_TRUE(covers({}, 0)); }

struct HeaderRow {
    const char* field;
    bool is_valid;
    std::int64_t begin, end, total;
};

TEST(ContentRange, IsReadExactly) {
    const HeaderRow rows[] = {
        {"bytes 0-9/10", true, 0, 10, 10},
        {"bytes 5-5/10", true, 5, 6, 10},
        {"bytes 0-9/*", false, 0, 0, 0},
        {"bytes 9-0/10", false, 0, 0, 0},
        {"bytes 0-10/10", false, 0, 0, 0},
        {"bytes=0-9/10", false, 0, 0, 0},
        {"bytes -5/10", false, 0, 0, 0},
        {"bytes 0-/10", false, 0, 0, 0},
        {"bytes 0-9", false, 0, 0, 0},
        {"", false, 0, 0, 0},
        {"bytes 0-9/10x", false, 0, 0, 0},
        {"octets 0-9/10", false, 0, 0, 0},
        {"bytes 0-9/99999999999999999999", false, 0, 0, 0},
    };
    for (const HeaderRow& row : rows) {
        std::string problem;
        const auto range = parse_content_range(row.field, problem);
        ASSERT_EQ(range.has_value(), row.is_valid) << row.field;
        EXPECT_EQ(problem.empty(), row.is_valid) << row.field;
        if (!range) continue;
        EXPECT_EQ(range->begin, row.begin) << row.field;
        EXPECT_EQ(range->end, row.end) << row.field;
        EXPECT_EQ(range->total, row.total) << row.field;
    }
}

}  // namespace
}  // namespace edgesync::data
