// How many connections there are, how long one waits for them, and how often a server that is away is asked. Runs inside
// tests/with-postgres.
#include "plugins/store-postgres/connection_pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <future>
#include <set>
#include <thread>

#include "tests/unit/store_postgres/door.h"
#include "tests/unit/store_postgres/instance.h"
#include "tests/unit/temporary_folder.h"

namespace edgesync::postgres {
namespace {

using namespace std::chrono_literals;
using Clock = Door::Clock;

/// What `take` threw; nullopt: it gave a connection.
std::optional<Error> failure_of_take(ConnectionPool& pool) {
    try {
        pool.take();
        return std::nullopt;
    } catch (const Error& e) {
        return e;
    }
}

std::string process_of(const ConnectionPool::Lease& lease) { return lease->run("SELECT pg_backend_pid()")[0][0].c_str(); }

PoolOptions pool_of(std::size_t size, std::chrono::milliseconds patience = 20s) {
    PoolOptions options;
    options.server = server_of_tests();
    options.size = size;
    options.patience = patience;
    return options;
}

TEST(Connections, WhoFindsAllInUseIsRefusedAfterAWhile) {
    ConnectionPool pool(pool_of(1, 1s));
    {
        const auto lease = pool.take();
        const auto began = Clock::now();
        const auto failure = failure_of_take(pool);
        const auto took = Clock::now() - began;
        ASSERT_TRUE(failure);
        EXPECT_EQ(failure->kind(), ErrorKind::Busy);
        EXPECT_STREQ(failure->what(), "All 1 connections to the database (PostgresPoolSize) are in use");
        EXPECT_GE(took, 1s);
        EXPECT_LE(took, 15s) << "by default it is 20 s";
    }
    EXPECT_EQ(failure_of_take(pool), std::nullopt) << "it was given back";
}

TEST(Connections, WhoWaitsGetsTheOneThatIsGivenBack) {
    ConnectionPool pool(pool_of(1));
    auto lease = std::make_unique<ConnectionPool::Lease>(pool.take());
    const std::string process = process_of(*lease);
    auto waiting = std::async(std::launch::async, [&] { return process_of(pool.take()); });
    EXPECT_EQ(waiting.wait_for(100ms), std::future_status::timeout);
    lease.reset();
    EXPECT_EQ(waiting.get(), process);
}

TEST(Connections, AreNeverMoreThanTheirNumber) {
    ConnectionPool pool(pool_of(3));
    std::vector<std::future<std::string>> users;
    for (int i = 0; i < 12; ++i) {
        users.push_back(std::async(std::launch::async, [&] {
            const auto lease = pool.take();
            lease->run("SELECT pg_sleep(0.02)");
            return process_of(lease);
        }));
    }
    std::set<std::string> processes;
    for (auto& user : users) processes.insert(user.get());
    EXPECT_LE(processes.size(), 3U);
}

TEST(Connections, ThoseThatLieIdleAreNotUsedAfterOneWasLost) {
    ConnectionPool pool(pool_of(3));
    {
        const auto one = pool.take();
        const auto two = pool.take();
        Connection(server_of_tests())
            .run("SELECT pg_terminate_backend(" + process_of(one) + ", 20000), pg_terminate_backend(" + process_of(two) + ", 20000)");
        // Both are given back unused, so nobody has noticed it.
    }
    EXPECT_THROW(pool.take()->run("SELECT 1"), Error);
    EXPECT_FALSE(pool.is_connected());
    EXPECT_NO_THROW(pool.take()->run("SELECT 1")) << "the second one is lost as well and was used";
    EXPECT_TRUE(pool.is_connected());
}

/// Beside a server that is away.
class Absence : public ::testing::Test {
protected:
    PoolOptions options(std::chrono::milliseconds first_pause, std::chrono::milliseconds longest_pause = 5s) const {
        PoolOptions options;
        options.server.text = door_.server();
        options.first_pause = first_pause;
        options.longest_pause = longest_pause;
        return options;
    }
    /// Takes a connection again and again; how often it did. Each time there is none, and it is said at once.
    static std::size_t take_until(ConnectionPool& pool, const std::function<bool()>& is_over) {
        std::size_t count = 0;
        for (; !is_over(); ++count) {
            const auto failure = failure_of_take(pool);
            if (!failure || failure->kind() != ErrorKind::NotConnected) {
                ADD_FAILURE() << (failure ? failure->what() : "there is a connection");
                break;
            }
            std::this_thread::sleep_for(1ms);  // As a caller that has nothing else to do, which is not to need a processor of its own.
        }
        return count;
    }
    std::vector<Clock::duration> pauses() const {
        const auto attempts = door_.attempts();
        std::vector<Clock::duration> out;
        for (std::size_t i = 1; i < attempts.size(); ++i) out.push_back(attempts[i] - attempts[i - 1]);
        return out;
    }

    TemporaryFolder folder_;
    Door door_{folder_.path().string()};
};

TEST_F(Absence, IsLookedAtOncePerPauseHoweverManyAsk) {
    ConnectionPool pool(options(100ms));
    const auto began = Clock::now();
    take_until(pool, [&] { return !door_.attempts().empty(); });
    std::vector<std::future<std::size_t>> callers;
    for (int i = 0; i < 4; ++i) {
        callers.push_back(std::async(std::launch::async, [&] { return take_until(pool, [&] { return Clock::now() - began > 1s; }); }));
    }
    std::size_t refused = 0;
    for (auto& caller : callers) refused += caller.get();
    const auto took = Clock::now() - began;
    std::size_t most = 1;
    auto next = Clock::duration(100ms);  // Each pause is at least twice as long as the one before.
    for (auto pause = next; next <= took; next += pause) {
        ++most;
        pause *= 2;
    }
    EXPECT_LE(door_.attempts().size(), most) << "after pauses of at least 100, 200 and 400 ms";
    EXPECT_GE(door_.attempts().size(), 2U);
    EXPECT_GT(refused, 10 * most) << "who asks in between is refused at once";
    EXPECT_FALSE(pool.is_connected());
    EXPECT_NE(pool.problem(), "");
}

TEST_F(Absence, IsLookedAtAfterPausesThatGrowUpToALimitAndDiffer) {
    constexpr std::size_t kAttempts = 16;  // Without a limit the pauses would be five minutes together.
    ConnectionPool pool(options(10ms, 80ms));
    const auto end = Clock::now() + 20s;
    take_until(pool, [&] { return door_.attempts().size() >= kAttempts || Clock::now() > end; });
    const auto found = pauses();
    ASSERT_GE(found.size(), kAttempts - 1);
    auto least = std::chrono::milliseconds(10);
    for (const auto& pause : found) {
        EXPECT_GE(pause, least);
        least = std::min(least * 2, 80ms);
    }
    const auto [shortest, longest] = std::minmax_element(found.end() - 10, found.end());
    EXPECT_GT(*longest - *shortest, 5ms) << "instances that lost the same server ask all at once";
    EXPECT_EQ(PoolOptions().longest_pause, 5s);
}

TEST_F(Absence, IsLookedAtAfterTheFirstPauseEvenIfThatIsLongerThanTheLimit) {
    ConnectionPool pool(options(80ms, 10ms));
    take_until(pool, [&] { return door_.attempts().size() >= 5; });
    for (const auto& pause : pauses()) EXPECT_GE(pause, 80ms);
}

TEST_F(Absence, IsLookedAtByOneAloneWhileItDoesNotAnswer) {
    ConnectionPool pool(options(10ms));
    EXPECT_NE(failure_of_take(pool), std::nullopt);
    door_.keep_waiting(true);
    auto first = std::async(std::launch::async, [&] { take_until(pool, [&] { return door_.attempts().size() >= 2; }); });
    ASSERT_TRUE(door_.await_attempts(2));
    const auto began = Clock::now();
    for (int i = 0; i < 50; ++i) EXPECT_EQ(failure_of_take(pool).value().kind(), ErrorKind::NotConnected);
    EXPECT_LT(Clock::now() - began, 5s);
    EXPECT_EQ(first.wait_for(0ms), std::future_status::timeout);
    EXPECT_EQ(door_.attempts().size(), 2U);
    door_.keep_waiting(false);
    first.get();
}

TEST_F(Absence, IsOverWithTheNextPause) {
    ConnectionPool pool(options(100ms));
    take_until(pool, [&] { return door_.attempts().size() >= 3; });
    door_.open(std::getenv("EDGESYNC_TEST_POSTGRES"));
    const auto began = Clock::now();
    while (failure_of_take(pool) && Clock::now() - began < 20s) std::this_thread::sleep_for(1ms);
    EXPECT_LT(Clock::now() - began, 5s) << "the pause is 400 ms, and at most half of it longer";
    EXPECT_TRUE(pool.is_connected());
    EXPECT_EQ(pool.problem(), "");
    EXPECT_EQ(pool.take()->run("SELECT 1")[0][0].as<int>(), 1);
}

}  // namespace
}  // namespace edgesync::postgres
