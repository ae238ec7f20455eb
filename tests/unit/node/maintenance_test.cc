// Where maintenance runs, and that it goes on whatever becomes of a turn.
#include "kernel/node/maintenance.h"

#include <utility>

#include "tests/unit/api/faulty_store.h"
#include "tests/unit/node/hand_scheduler.h"
#include "tests/unit/rules/rule_fixture.h"

namespace edgesync::node {
namespace {

using namespace std::chrono_literals;

/// Knows whether it is one of its workers that runs.
class ScheduleWithWorkers : public HandScheduler {
public:
    bool work(std::function<void()> function) override {
        if (is_full) return false;
        is_on_worker = true;
        function();
        is_on_worker = false;
        return true;
    }
    bool is_full = false;
    bool is_on_worker = false;
};

/// A store that may be far away, or not.
class DistantStore : public api::FaultyStore {
public:
    using FaultyStore::FaultyStore;
    StoreTraits traits() const noexcept override {
        StoreTraits traits = FaultyStore::traits();
        traits.reads_block = reads_block;
        return traits;
    }
    bool reads_block = true;
};

class MaintenanceTest : public testing::RuleTest {
protected:
    MaintenanceTest() {
        auto distant = std::make_unique<DistantStore>(std::move(store_));
        distant_ = distant.get();
        store_ = std::move(distant);
        operations_ = std::make_unique<rules::Operations>(*store_, *this);
        distant_->on_step = [this] { (scheduler_.is_on_worker ? steps_on_workers_ : steps_elsewhere_)++; };
    }

    void begin() {
        MaintenanceOptions options;
        options.resend_interval = 10s;
        options.activation_interval = 20s;
        options.expiration_interval = 30s;
        options.silent_node_limit = 0h;
        maintenance_ = std::make_unique<Maintenance>(context_, *operations_, scheduler_, log_, options);
        maintenance_->start();
    }
    /// How many jobs had their turn at their time.
    std::size_t let_pass(std::chrono::milliseconds time) { return scheduler_.run_due_after(time); }

    ScheduleWithWorkers scheduler_;
    DistantStore* distant_ = nullptr;
    int steps_on_workers_ = 0;
    int steps_elsewhere_ = 0;
    std::unique_ptr<Maintenance> maintenance_;
};

TEST_F(MaintenanceTest, ReadsAStoreThatMayBlockOnWorkersAlone) {
    begin();
    for (const auto interval : {10s, 20s, 30s}) EXPECT_EQ(let_pass(interval), 1U) << interval.count();
    EXPECT_EQ(steps_on_workers_, 3);
    EXPECT_EQ(steps_elsewhere_, 0);
}

TEST_F(MaintenanceTest, TakesNoWorkerForAStoreOnThisMachine) {
    distant_->reads_block = false;
    begin();
    for (const auto interval : {10s, 20s, 30s}) EXPECT_EQ(let_pass(interval), 1U) << interval.count();
    EXPECT_EQ(steps_on_workers_, 0);
    EXPECT_EQ(steps_elsewhere_, 3);
}

TEST_F(MaintenanceTest, TriesAgainAtItsNextTimeWhatFoundNoWorkerOrNoStore) {
    begin();
    scheduler_.is_full = true;
    EXPECT_EQ(let_pass(10s), 1U);
    EXPECT_EQ(steps_on_workers_, 0);
    scheduler_.is_full = false;
    distant_->reads_fail = ErrorKind::NotConnected;
    EXPECT_EQ(let_pass(10s), 1U);
    distant_->reads_fail.reset();
    EXPECT_EQ(let_pass(10s), 1U);
    EXPECT_EQ(steps_on_workers_, 1);
    EXPECT_EQ(steps_elsewhere_, 0);
}

TEST_F(MaintenanceTest, BeginsNoTurnBeforeTheOneBeforeHasEnded) {
    begin();
    std::size_t meanwhile = 1;
    distant_->on_step = [&] { meanwhile = let_pass(10s); };
    EXPECT_EQ(let_pass(10s), 1U);
    EXPECT_EQ(meanwhile, 0U);
    distant_->on_step = nullptr;
    EXPECT_EQ(let_pass(10s), 1U);
}

}  // namespace
}  // namespace edgesync::node
