#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <thread>

#include "kernel/http/event_loop.h"
#include "tests/unit/http/test_client.h"

namespace edgesync::http::test {
namespace {

TEST(IoThreads, RunWhatIsPostedAlsoBeforeTheStart) {
    IoContext io(2);
    std::atomic<int> count{0};
    for (int i = 0; i < 10; ++i) io.post([&] { ++count; });
    EXPECT_EQ(count, 0);
    io.start();
    EXPECT_TRUE(eventually([&] { return count == 10; }));
}

TEST(IoThreads, SurviveAnException) {
    Gate failed;
    IoContext io(1, [&](std::string_view text) {
        EXPECT_NE(text.find("oops"), std::string::npos);
        failed.open();
    });
    io.start();
    io.post([] { throw std::runtime_error("oops"); });
    EXPECT_TRUE(failed.wait());
    Gate after;
    io.post([&] { after.open(); });
    EXPECT_TRUE(after.wait());
}

TEST(IoThreads, TellWhoWaitsForAFunctionThatItHasFailed) {
    IoContext io(1);
    io.start();
    EXPECT_THROW(io.loops().front()->run_and_wait([] { throw std::runtime_error("oops"); }), std::runtime_error);
}

TEST(Timers, FireInTheirOrder) {
    IoContext io(1);
    io.start();
    std::vector<int> order;
    bool is_set_in_time = false;
    while (!is_set_in_time) {
        order.clear();
        Gate last;
        const auto note = [&](int i) {
            return [&, i] {
                order.push_back(i);
                if (order.size() == 3) last.open();
            };
        };
        const auto begin = std::chrono::steady_clock::now();
        io.run_after(60ms, note(3));
        io.run_after(30ms, note(2));
        io.run_after(1ms, note(1));
        // A thread that lost its turn between them for longer than they are apart has asked for another order.
        is_set_in_time = std::chrono::steady_clock::now() - begin < 25ms;
        ASSERT_TRUE(last.wait());
    }
    EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
}

TEST(Timers, ThatAreCancelledDoNotFire) {
    std::atomic<int> fired{0};
    std::uint64_t later = 0;
    Gate is_later;
    IoContext io(2);
    io.start();
    // On the thread that would run it: however long this takes, the timer is not due before it is cancelled.
    io.post([&] {
        const auto handle = io.run_after(1ms, [&] { ++fired; });
        EXPECT_NE(handle, 0U);
        EXPECT_TRUE(io.cancel(handle));
        EXPECT_FALSE(io.cancel(handle));
        later = io.run_after(60ms, [&] { is_later.open(); });
    });
    EXPECT_TRUE(is_later.wait());
    EXPECT_EQ(fired, 0);
    EXPECT_FALSE(io.cancel(later)) << "it ran";
    const auto of_another_thread = io.run_after(std::chrono::hours(1), [&] { ++fired; });
    EXPECT_TRUE(io.cancel(of_another_thread));
    EXPECT_FALSE(io.cancel(of_another_thread));
    EXPECT_FALSE(io.cancel(0));
}

TEST(Timers, AndCancellationsFromManyThreadsAddUp) {
    IoContext io(2);
    io.start();
    std::atomic<int> fired{0};
    std::atomic<int> cancelled{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&] {
            for (int i = 0; i < 500; ++i) {
                const auto handle = io.run_after(std::chrono::milliseconds(i % 3), [&] { ++fired; });
                if (i % 2 == 0 && io.cancel(handle)) ++cancelled;
            }
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_TRUE(eventually([&] { return fired + cancelled == 2000; }));
}

}  // namespace
}  // namespace edgesync::http::test
