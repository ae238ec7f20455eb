#include "kernel/node/work_runner.h"

#include "kernel/addressing/org_removal.h"
#include "tests/unit/node/hand_scheduler.h"
#include "tests/unit/rules/rule_fixture.h"

namespace edgesync::node {
namespace {

using namespace std::chrono_literals;

class WorkRunnerTest : public testing::RuleTest {
protected:
    void enqueue(TimePoint not_before) {
        in_transaction([&](WriteTransaction& txn, rules::Effects&) { txn.enqueue_work(addressing::kOrgRemovalWork, "acme", not_before); });
    }
    /// What is left after one look at the queue.
    std::uint64_t left() {
        WorkRunner runner(context_, *operations_, scheduler_, log_);
        runner.kick();
        runner.stop();
        std::uint64_t count = 0;
        store_->read([&](ReadTransaction& txn) { count = txn.count_work(); });
        return count;
    }

    HandScheduler scheduler_;
};

TEST_F(WorkRunnerTest, DoesAtOnceWhatIsForAtOnceAlsoIfTheClockWentBack) {
    in_transaction(
        [&](WriteTransaction& txn, rules::Effects& effects) { addressing::enqueue_org_removal(context_, txn, "acme", effects); });
    now_ -= 30s;
    EXPECT_EQ(left(), 0U);
}

TEST_F(WorkRunnerTest, LetsWhatIsForAtOnceKeepTheOrderOfTheClock) {
    const TimePoint before = context_.at_once();
    now_ += 1ms;
    EXPECT_LT(before, context_.at_once());
    EXPECT_LT(context_.at_once(), now_ - std::chrono::hours(24 * 365));
}

TEST_F(WorkRunnerTest, WaitsForWhatWasPutOff) {
    enqueue(now_ + 10s);
    EXPECT_EQ(left(), 1U);
    now_ += 10s;
    EXPECT_EQ(left(), 0U);
}

TEST_F(WorkRunnerTest, DoesNotWaitForWhatAClockThatWasAheadHasPutOff) {
    enqueue(now_ + 10s);
    now_ -= 1h;
    EXPECT_EQ(left(), 0U);
}

}  // namespace
}  // namespace edgesync::node
