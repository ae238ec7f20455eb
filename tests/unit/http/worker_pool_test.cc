#include "kernel/ops/worker_pool.h"

#include <gtest/gtest.h>

#include <atomic>

#include "tests/unit/http/test_client.h"

namespace edgesync::ops {
namespace {

using http::test::eventually;
using http::test::Gate;
using namespace std::chrono_literals;

TEST(WorkerPool, StartsThreadsOnlyForWorkAndNoMoreThanAllowed) {
    Gate gate;
    std::atomic<int> running{0};
    std::atomic<int> done{0};
    WorkerPool pool(2, 10);
    EXPECT_EQ(pool.threads(), 0U);
    for (int i = 0; i < 5; ++i) {
        EXPECT_TRUE(pool.try_post([&] {
            ++running;
            gate.wait();
            ++done;
        }));
    }
    EXPECT_TRUE(eventually([&] { return running == 2; }));
    EXPECT_EQ(pool.threads(), 2U);
    EXPECT_EQ(pool.queued(), 3U);
    gate.open();
    EXPECT_TRUE(eventually([&] { return done == 5; }));
}

TEST(WorkerPool, RefusesWorkWhenItsQueueIsFull) {
    // Before the pool, whose end waits for the thread that may still be on its way out of the gate.
    Gate gate;
    Gate started;
    WorkerPool pool(1, 2);
    ASSERT_TRUE(pool.try_post([&] {
        started.open();
        gate.wait();
    }));
    ASSERT_TRUE(started.wait());
    EXPECT_TRUE(pool.try_post([] {}));
    EXPECT_TRUE(pool.try_post([] {}));
    EXPECT_FALSE(pool.try_post([] {}));
    gate.open();
}

TEST(WorkerPool, RunsWhatIsQueuedBeforeItStops) {
    std::atomic<int> done{0};
    WorkerPool pool(2, 1000);
    for (int i = 0; i < 1000; ++i) ASSERT_TRUE(pool.try_post([&] { ++done; }));
    pool.stop();
    EXPECT_EQ(done, 1000);
    EXPECT_FALSE(pool.try_post([] {}));
    pool.stop();
}

TEST(WorkerPool, LetsIdleThreadsEndAndStartsThemAgain) {
    WorkerPool pool(4, 100, 5ms);
    for (int round = 0; round < 5; ++round) {
        Gate done;
        ASSERT_TRUE(pool.try_post([&] { done.open(); }));
        EXPECT_TRUE(done.wait());
        EXPECT_TRUE(eventually([&] { return pool.threads() == 0; }));
    }
}

}  // namespace
}  // namespace edgesync::ops
