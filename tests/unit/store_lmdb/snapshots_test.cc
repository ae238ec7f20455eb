// Waiting for those who read already, and for nobody else.
#include "plugins/store-lmdb/snapshots.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>

namespace edgesync::lmdb {
namespace {

constexpr std::chrono::seconds kSoon{20};
constexpr std::chrono::milliseconds kAWhile{50};

TEST(Snapshots, NobodyIsWaitedForWhereNobodyReads) {
    Snapshots snapshots;
    { const Snapshots::Running ended(snapshots); }
    for (int i = 0; i < 5; ++i) snapshots.wait_for_older();
}

TEST(Snapshots, AllThatBeganBeforeAreWaitedForInWhicheverTurnTheyBegan) {
    Snapshots snapshots;
    for (int turns = 0; turns < 4; ++turns) {
        auto first = std::make_unique<Snapshots::Running>(snapshots);
        auto second = std::make_unique<Snapshots::Running>(snapshots);
        auto waited = std::async(std::launch::async, [&] { snapshots.wait_for_older(); });
        EXPECT_EQ(waited.wait_for(kAWhile), std::future_status::timeout);
        first.reset();
        EXPECT_EQ(waited.wait_for(kAWhile), std::future_status::timeout);
        second.reset();
        EXPECT_EQ(waited.wait_for(kSoon), std::future_status::ready);
    }
}

// However fast they follow each other: those who read all the time must not keep erased files for ever.
TEST(Snapshots, ReadersThatNeverPauseHoldNobodyUp) {
    Snapshots snapshots;
    auto even = std::make_unique<Snapshots::Running>(snapshots);
    std::atomic<bool> is_over = false;
    auto readers = std::async(std::launch::async, [&] {
        // There is always one.
        while (!is_over) {
            const Snapshots::Running odd(snapshots);
            even.reset();
            even = std::make_unique<Snapshots::Running>(snapshots);
        }
    });
    auto waited = std::async(std::launch::async, [&] {
        for (int i = 0; i < 20; ++i) snapshots.wait_for_older();
    });
    EXPECT_EQ(waited.wait_for(kSoon), std::future_status::ready);
    is_over = true;
    readers.get();
    even.reset();
}

}  // namespace
}  // namespace edgesync::lmdb
