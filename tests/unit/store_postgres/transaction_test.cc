// How a transaction ends. Runs inside tests/with-postgres.
#include "plugins/store-postgres/transaction.h"

#include <gtest/gtest.h>

#include <thread>

#include "tests/unit/store_postgres/instance.h"

namespace edgesync::postgres {
namespace {

class Ends : public ::testing::Test {
protected:
    /// What the server says that the connection does.
    std::string state(const std::string& process) {
        return other_.run("SELECT state FROM pg_stat_activity WHERE pid = " + process)[0][0].c_str();
    }

    Connection connection_{server_of_tests()};
    Connection other_{server_of_tests()};
};

TEST_F(Ends, WithoutACommitAreNotWaitedForAndLeaveNothing) {
    const std::string process = connection_.run("SELECT pg_backend_pid()")[0][0].c_str();
    connection_.run("CREATE TEMPORARY TABLE kept (n int)");
    for (const auto isolation : {Isolation::ReadSnapshot, Isolation::Snapshot, Isolation::Group, Isolation::Locking}) {
        {
            Transaction transaction(connection_, isolation);
            if (isolation != Isolation::ReadSnapshot) transaction.add("INSERT INTO kept VALUES (1)");
            transaction.query("SELECT count(*) FROM kept");
        }
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        while (state(process) != "idle" && std::chrono::steady_clock::now() < end) std::this_thread::yield();
        EXPECT_EQ(state(process), "idle") << "the transaction is still open though nobody uses the connection";
        EXPECT_EQ(connection_.run("SELECT count(*) FROM kept")[0][0].as<int>(), 0);
        EXPECT_TRUE(connection_.is_usable());
    }
}

TEST_F(Ends, ALostConnectionIsFoundByWhatIsRunNext) {
    const std::string process = connection_.run("SELECT pg_backend_pid()")[0][0].c_str();
    {
        Transaction transaction(connection_, Isolation::ReadSnapshot);
        transaction.query("SELECT 1");
        other_.run("SELECT pg_terminate_backend(" + process + ", 20000)");
    }
    EXPECT_THROW(connection_.run("SELECT 1"), Error);
    EXPECT_FALSE(connection_.is_usable());
}

class Readers : public Ends {
protected:
    void lose(Connection& connection) {
        other_.run("SELECT pg_terminate_backend(" + std::string(connection.run("SELECT pg_backend_pid()")[0][0].c_str()) + ", 20000)");
    }
    Connection third_{server_of_tests()};
};

TEST_F(Readers, BeginAgainOnAnotherConnectionIfTheirsWasLostBefore) {
    lose(connection_);
    Transaction transaction(connection_, Isolation::ReadSnapshot);
    transaction.use_instead([&]() -> Connection& { return third_; });
    EXPECT_EQ(transaction.query("SELECT 7")[0][0].as<int>(), 7);
    EXPECT_STREQ(transaction.query("SHOW transaction_isolation")[0][0].c_str(), "repeatable read");
    EXPECT_NO_THROW(transaction.commit());
}

TEST_F(Readers, FailIfTheirConnectionIsLostAfterTheyHaveReadSomething) {
    Transaction transaction(connection_, Isolation::ReadSnapshot);
    transaction.use_instead([&]() -> Connection& { return third_; });
    EXPECT_EQ(transaction.query("SELECT 7")[0][0].as<int>(), 7);
    lose(connection_);
    EXPECT_THROW(transaction.query("SELECT 8"), Error);
}

TEST_F(Readers, FailIfTheOtherConnectionIsLostTooOrIsNotThere) {
    lose(connection_);
    lose(third_);
    {
        Transaction transaction(connection_, Isolation::ReadSnapshot);
        transaction.use_instead([&]() -> Connection& { return third_; });
        EXPECT_THROW(transaction.query("SELECT 7"), Error);
    }
    Transaction transaction(third_, Isolation::ReadSnapshot);
    transaction.use_instead([&]() -> Connection& { throw Error(ErrorKind::NotConnected, "away"); });
    EXPECT_THROW(transaction.query("SELECT 7"), Error);
    EXPECT_ANY_THROW(transaction.query("SELECT 7"));
}

TEST_F(Readers, OfAStoreDoNotNoticeThatIdleConnectionsWereLost) {
    Instance instance(database_settings(schema_of_test()));
    const ObjectKey key{"acme", "model", "m"};
    instance.publish(key);
    for (int i = 0; i < 3; ++i) {
        EXPECT_TRUE(instance.object(key));
        other_.run(
            "SELECT pg_terminate_backend(pid, 20000) FROM pg_stat_activity WHERE application_name = 'edge-sync-service' AND pid NOT IN"
            " (pg_backend_pid(), " +
            std::string(connection_.run("SELECT pg_backend_pid()")[0][0].c_str()) + ")");
        EXPECT_TRUE(instance.object(key));
    }
    EXPECT_EQ(instance.store().health().read_failures, 0U);
}

TEST_F(Ends, AGroupWaitsForALockForAMomentOnly) {
    connection_.run("CREATE TABLE IF NOT EXISTS public.locked (n int)");
    other_.run("BEGIN; LOCK TABLE public.locked");
    {
        Transaction transaction(connection_, Isolation::Group);
        const auto began = std::chrono::steady_clock::now();
        EXPECT_THROW(transaction.query("SELECT FROM public.locked"), Conflict);
        EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(5));
        EXPECT_TRUE(transaction.has_conflict());
    }
    other_.run("COMMIT");
    EXPECT_STREQ(connection_.run("SHOW lock_timeout")[0][0].c_str(), "0") << "the limit is of the transaction alone";
}

}  // namespace
}  // namespace edgesync::postgres
