#include "kernel/delivery/line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

namespace edgesync::delivery {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::Ge;
using ::testing::Le;

/// Keeps the last function that is to run later.
class OneTimer : public rules::Scheduler {
public:
    void post(std::function<void()> function) override { function(); }
    std::uint64_t after(milliseconds delay, std::function<void()> function) override {
        pause = delay;
        later_ = std::move(function);
        return 1;
    }
    void cancel(std::uint64_t) override { later_ = nullptr; }
    bool work(std::function<void()> function) override { return !is_full && (function(), true); }

    bool is_waiting() const { return later_ != nullptr; }
    void pass() { std::exchange(later_, nullptr)(); }

    milliseconds pause{0};
    bool is_full = false;

private:
    std::function<void()> later_;
};

class LineTest : public ::testing::Test {
protected:
    /// It is tried again after at most this pause, and after three quarters of it at least.
    void expect_pause(milliseconds longest) {
        line_.failed();
        EXPECT_FALSE(line_.is_up());
        EXPECT_THAT(scheduler_.pause, AllOf(Ge(longest * 3 / 4), Le(longest)));
        const int before = tried_;
        scheduler_.pass();
        EXPECT_TRUE(line_.is_up());
        EXPECT_EQ(tried_, before + 1);
    }

    OneTimer scheduler_;
    int tried_ = 0;
    Line line_{scheduler_, 1s, [this] { ++tried_; }};
};

TEST_F(LineTest, IsTriedAgainAfterPausesThatGrowUntilTheFirstSuccess) {
    EXPECT_TRUE(line_.is_up());
    for (const auto longest : {1s, 2s, 4s, 8s, 16s, 32s, 60s, 60s}) expect_pause(longest);
    line_.succeeded();
    expect_pause(1s);
}

TEST_F(LineTest, ThatIsDownAlreadyWaitsNoLongerForFurtherFailures) {
    line_.failed();
    const auto pause = scheduler_.pause;
    line_.failed();
    EXPECT_EQ(scheduler_.pause, pause);
    scheduler_.pass();
    expect_pause(2s);
}

TEST_F(LineTest, ThatIsKnownToBeBackWaitsForNoPause) {
    line_.failed();
    line_.restored();
    EXPECT_TRUE(line_.is_up());
    EXPECT_FALSE(scheduler_.is_waiting());
    expect_pause(1s);
}

TEST_F(LineTest, StaysDownWhileNobodyIsFreeToTryIt) {
    line_.failed();
    scheduler_.is_full = true;
    scheduler_.pass();
    EXPECT_FALSE(line_.is_up());
    EXPECT_EQ(tried_, 0);
    scheduler_.is_full = false;
    scheduler_.pass();
    EXPECT_TRUE(line_.is_up());
    EXPECT_EQ(tried_, 1);
}

TEST_F(LineTest, IsNotTriedAfterItsStop) {
    line_.failed();
    line_.stop();
    EXPECT_FALSE(scheduler_.is_waiting());
    line_.failed();
    EXPECT_FALSE(scheduler_.is_waiting());
}

}  // namespace
}  // namespace edgesync::delivery
