#include "work_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "tests/unit/thread_limit.h"

namespace edgesync::mqtt_exchange {
namespace {

TEST(WorkQueue, DoesEverythingWithItsThreads) {
    WorkQueue queue(4, 8);
    std::atomic<int> count{0};
    std::promise<void> all;
    for (int i = 0; i < 1000; ++i) {
        ASSERT_TRUE(queue.push([&] {
            if (++count == 1000) all.set_value();
        }));
    }
    EXPECT_EQ(all.get_future().wait_for(std::chrono::seconds(10)), std::future_status::ready);
}

TEST(WorkQueue, IsBounded) {
    WorkQueue queue(1, 1);
    std::promise<void> gate;
    std::promise<void> has_begun;
    queue.push([&, opened = gate.get_future().share()] {
        has_begun.set_value();
        opened.wait();
    });
    has_begun.get_future().wait();
    EXPECT_TRUE(queue.try_push([] {}));
    EXPECT_FALSE(queue.try_push([] {})) << "one waits already";
    auto pushed = std::async(std::launch::async, [&] { return queue.push([] {}); });
    EXPECT_EQ(pushed.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
    gate.set_value();
    EXPECT_TRUE(pushed.get());
}

TEST(WorkQueue, DoesWithTheThreadsThatTheSystemHas) {
    if (!ThreadLimit::works()) GTEST_SKIP() << "not beside a sanitizer";
    WorkQueue queue(4, 8);
    std::atomic<bool> was_taken{false};
    {
        const ThreadLimit limit(0);
        EXPECT_FALSE(queue.push([&] { was_taken = true; }));
        EXPECT_FALSE(queue.try_push([&] { was_taken = true; }));
    }
    const ThreadLimit limit(1);
    std::atomic<int> count{0};
    std::promise<void> all;
    for (int i = 0; i < 100; ++i) {
        ASSERT_TRUE(queue.push([&] {
            if (++count == 100) all.set_value();
        }));
    }
    EXPECT_EQ(all.get_future().wait_for(std::chrono::seconds(10)), std::future_status::ready);
    EXPECT_FALSE(was_taken);
}

TEST(WorkQueue, AStopReleasesWhoWaits) {
    WorkQueue queue(1, 1);
    std::promise<void> gate;
    std::promise<void> has_begun;
    queue.push([&, opened = gate.get_future().share()] {
        has_begun.set_value();
        opened.wait();
    });
    has_begun.get_future().wait();
    queue.push([] {});
    auto pushed = std::async(std::launch::async, [&] { return queue.push([] {}); });
    auto stopped = std::async(std::launch::async, [&] { queue.stop(); });
    EXPECT_FALSE(pushed.get());
    gate.set_value();
    stopped.get();
    EXPECT_FALSE(queue.try_push([] {}));
}

}  // namespace
}  // namespace edgesync::mqtt_exchange
