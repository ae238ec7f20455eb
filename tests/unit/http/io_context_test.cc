#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <thread>

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

TEST(Timers, FireInTheirOrder) {
    IoContext io(1);
    io.start();
    std::mutex mutex;
    std::vector<int> order;
    Gate last;
    const auto note = [&](int i) {
        return [&, i] {
            const std::lock_guard lock(mutex);
            order.push_back(i);
            if (i == 3) last.open();
        };
    };
    io.run_after(60ms, note(3));
    io.run_after(30ms, note(2));
    io.run_after(1ms, note(1));
    EXPECT_TRUE(last.wait());
    EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
}

TEST(Timers, ThatAreCancelledDoNotFire) {
    IoContext io(2);
    io.start();
    std::atomic<int> fired{0};
    const auto handle = io.run_after(20ms, [&] { ++fired; });
    EXPECT_NE(handle, 0U);
    EXPECT_TRUE(io.cancel(handle));
    EXPECT_FALSE(io.cancel(handle));
    EXPECT_FALSE(io.cancel(0));
    Gate later;
    const auto other = io.run_after(60ms, [&] { later.open(); });
    EXPECT_TRUE(later.wait());
    EXPECT_EQ(fired, 0);
    EXPECT_FALSE(io.cancel(other));
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
