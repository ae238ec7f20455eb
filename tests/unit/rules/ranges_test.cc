#include "kernel/data/ranges.h"

#include <gtest/gtest.h>

#include <bitset>
#include <random>

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

}  // namespace
}  // namespace edgesync::data
