#include "kernel/cluster/leadership.h"

#include <gtest/gtest.h>

#include <deque>
#include <map>

#include "edgesync/sdk/error.h"

namespace edgesync::cluster {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// Answers what the test says; the rules of real stores are tested by their conformance suite.
class AnsweringStore : public Store {
public:
    void configure(const Settings&, Log&) override {}
    StoreTraits traits() const noexcept override { return traits_; }
    void open() override {}
    void close() noexcept override {}
    void read(const std::function<void(ReadTransaction&)>&) override {}
    void submit(std::function<void(WriteTransaction&)>, std::function<void(std::exception_ptr)>) override {}
    BlobStore& blobs() override { throw Error(ErrorKind::Internal, "none"); }
    StoreHealth health() const override { return {}; }
    void wipe() override {}
    std::optional<std::int64_t> lead(const std::string& holder, std::chrono::seconds) override {
        asked_by.push_back(holder);
        if (fails) throw Error(ErrorKind::NotConnected, "The database is away");
        return answer;
    }
    void resign(const std::string& holder) noexcept override { resigned.push_back(holder); }

    StoreTraits traits_ = [] {
        StoreTraits traits;
        traits.is_shared = true;
        return traits;
    }();
    std::optional<std::int64_t> answer;
    bool fails = false;
    std::vector<std::string> asked_by;
    std::vector<std::string> resigned;
};

/// Runs what it is given when the test says so.
class HandScheduler : public rules::Scheduler {
public:
    void post(std::function<void()> function) override { function(); }
    std::uint64_t after(milliseconds delay, std::function<void()> function) override {
        delays.push_back(delay);
        timers[++last_] = std::move(function);
        return last_;
    }
    void cancel(std::uint64_t handle) override { timers.erase(handle); }
    bool work(std::function<void()> function) override {
        if (is_full) return false;
        function();
        return true;
    }
    void next() {
        ASSERT_EQ(timers.size(), 1U);
        const auto function = std::move(timers.begin()->second);
        timers.erase(timers.begin());
        function();
    }

    std::vector<milliseconds> delays;
    std::map<std::uint64_t, std::function<void()>> timers;
    bool is_full = false;

private:
    std::uint64_t last_ = 0;
};

class Lines : public Log {
public:
    void log(LogLevel, std::string_view text) noexcept override { lines.emplace_back(text); }
    void trace(LogLevel, std::string_view) noexcept override {}
    bool logs(LogLevel) const noexcept override { return true; }
    bool traces(LogLevel) const noexcept override { return false; }
    std::vector<std::string> lines;
};

class LeadershipTest : public ::testing::Test {
protected:
    LeadershipOptions options(seconds timeout = seconds(45)) {
        return {"me", timeout, [this] { ++begun_; }};
    }

    AnsweringStore store_;
    HandScheduler scheduler_;
    Lines log_;
    int begun_ = 0;
};

TEST_F(LeadershipTest, AloneItLeadsWithoutAsking) {
    store_.traits_.is_shared = false;
    Leadership leadership(store_, scheduler_, log_, options());
    EXPECT_EQ(leadership.term(), 1);
    leadership.start();
    EXPECT_EQ(leadership.term(), 1);
    EXPECT_TRUE(store_.asked_by.empty());
    EXPECT_TRUE(scheduler_.timers.empty());
}

TEST_F(LeadershipTest, ItAsksSixTimesPerTimeout) {
    Leadership leadership(store_, scheduler_, log_, options());
    EXPECT_EQ(leadership.term(), std::nullopt) << "before it asked";
    leadership.start();
    EXPECT_EQ(store_.asked_by, std::vector<std::string>{"me"});
    EXPECT_EQ(scheduler_.delays, std::vector<milliseconds>{milliseconds(7500)});
    EXPECT_EQ(leadership.term(), std::nullopt);
    EXPECT_EQ(begun_, 0);
    store_.answer = 7;
    scheduler_.next();
    EXPECT_EQ(leadership.term(), 7);
    EXPECT_EQ(begun_, 1);
    scheduler_.next();
    EXPECT_EQ(begun_, 1) << "the same term does not begin twice";
    store_.answer = 9;
    scheduler_.next();
    EXPECT_EQ(leadership.term(), 9);
    EXPECT_EQ(begun_, 2);
}

TEST_F(LeadershipTest, ItEndsWhenAnotherOneLeads) {
    store_.answer = 7;
    Leadership leadership(store_, scheduler_, log_, options());
    leadership.start();
    store_.answer = std::nullopt;
    scheduler_.next();
    EXPECT_EQ(leadership.term(), std::nullopt);
    EXPECT_EQ(log_.lines.back(), "Another instance leads the cluster now");
}

TEST_F(LeadershipTest, ItEndsAfterThreeFailures) {
    store_.answer = 7;
    Leadership leadership(store_, scheduler_, log_, options());
    leadership.start();
    store_.fails = true;
    scheduler_.next();
    scheduler_.next();
    EXPECT_EQ(leadership.term(), 7);
    scheduler_.next();
    EXPECT_EQ(leadership.term(), std::nullopt);
    store_.fails = false;
    scheduler_.next();
    EXPECT_EQ(leadership.term(), 7) << "nobody took over meanwhile";
}

TEST_F(LeadershipTest, FailuresAreCountedInARow) {
    store_.answer = 7;
    Leadership leadership(store_, scheduler_, log_, options());
    leadership.start();
    for (int i = 0; i < 5; ++i) {
        store_.fails = i % 2 == 0;
        scheduler_.next();
        EXPECT_EQ(leadership.term(), 7) << i;
    }
}

TEST_F(LeadershipTest, ItEndsWhenNobodyConfirmedItForTheTimeout) {
    store_.answer = 7;
    Leadership leadership(store_, scheduler_, log_, options(seconds(0)));
    leadership.start();
    // The steady clock has gone on by the time of the next question.
    const auto began = std::chrono::steady_clock::now();
    while (std::chrono::steady_clock::now() == began) continue;
    EXPECT_EQ(leadership.term(), std::nullopt);
}

TEST_F(LeadershipTest, BusyWorkersOnlyDelayTheQuestion) {
    store_.answer = 7;
    Leadership leadership(store_, scheduler_, log_, options());
    leadership.start();
    scheduler_.is_full = true;
    scheduler_.next();
    EXPECT_EQ(store_.asked_by.size(), 1U);
    scheduler_.is_full = false;
    scheduler_.next();
    EXPECT_EQ(store_.asked_by.size(), 2U);
}

TEST_F(LeadershipTest, ItResignsWhenItStops) {
    store_.answer = 7;
    Leadership leadership(store_, scheduler_, log_, options());
    leadership.start();
    leadership.stop();
    EXPECT_EQ(store_.resigned, std::vector<std::string>{"me"});
    EXPECT_EQ(leadership.term(), std::nullopt);
    EXPECT_TRUE(scheduler_.timers.empty());
    leadership.stop();
    EXPECT_EQ(store_.resigned.size(), 1U);
}

TEST_F(LeadershipTest, WhoDoesNotLeadDoesNotResign) {
    Leadership leadership(store_, scheduler_, log_, options());
    leadership.start();
    leadership.stop();
    EXPECT_TRUE(store_.resigned.empty());
}

}  // namespace
}  // namespace edgesync::cluster
