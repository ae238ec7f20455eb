// Which of several CSS instances on one PostgreSQL database leads, and that no other one does what only the leader may do. Runs inside
// tests/with-postgres.
#include <signal.h>

#include "tests/system/database.h"
#include "tests/system/instances.h"

namespace edgesync::system_test {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

class Leadership : public Instances {};

TEST_F(Leadership, WhenTheLeaderIsKilledAnotherOneTakesOver) {
    start_two();
    ASSERT_TRUE(leads(*one_)) << one_->output();
    EXPECT_FALSE(leads(*two_));
    one_->kill_hard();
    const auto killed = Clock::now();
    ASSERT_TRUE(eventually([&] { return leads(*two_); })) << two_->output();
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - killed);
    std::cout << "another one leads " << took.count() << " ms after the leader was killed\n";
    EXPECT_LT(took, 12s) << "the time-out, 6 s, one period of the heartbeat, 1 s, and what a busy machine adds: no second time-out";
}

TEST_F(Leadership, WhenTheLeaderStopsAnotherOneTakesOverSoon) {
    one_ = instance("one", {"LeadershipTimeout 60"});
    two_ = instance("two", {"LeadershipTimeout 60"});
    one_->start();
    two_->start();
    ASSERT_TRUE(leads(*one_));
    const auto begun = Clock::now();
    EXPECT_EQ(one_->terminate(), 0);
    EXPECT_TRUE(eventually([&] { return leads(*two_); }));
    // The last heartbeat may have been a period ago, 10 s.
    EXPECT_LT(Clock::now() - begun, 40s) << "one period of the heartbeat and not the whole time-out";
}

TEST_F(Leadership, ALeaderThatWasPausedFindsThatItLeadsNoMore) {
    start_two();
    ASSERT_TRUE(leads(*one_));
    ::kill(one_->pid(), SIGSTOP);
    EXPECT_TRUE(eventually([&] { return leads(*two_); })) << two_->output();
    ::kill(one_->pid(), SIGCONT);
    EXPECT_TRUE(eventually([&] { return !leads(*one_); })) << one_->output();
    EXPECT_TRUE(leads(*two_));
    ASSERT_EQ(put(*one_, "after"), 204);
    EXPECT_EQ(two_->request("GET", "objects/acme/model/after/data").body, "hello");
}

// It is paused in the middle of an expiration, which then loses against another change and is run again when the instance wakes up, with
// the term that it began with. The object stays expired all the time, and the new leader does not look for such.
TEST_F(Leadership, WhatAPausedLeaderHadBegunIsRefusedWhenItWakesUp) {
    one_ = instance("one");
    two_ = instance("two", {"StorageMaintenanceInterval 3600"});
    one_->start();
    two_->start();
    ASSERT_TRUE(leads(*one_));
    ASSERT_EQ(put(*two_, "m", expiring_in(10s)), 204);
    database::HeldTransaction other("UPDATE " + schema_ + ".object SET record = record");
    ASSERT_TRUE(eventually([&] { return other.keeps_service_waiting(); })) << one_->output();
    ASSERT_EQ(::kill(one_->pid(), SIGSTOP), 0);
    ASSERT_TRUE(other.commit());
    EXPECT_TRUE(eventually([&] { return leads(*two_); })) << two_->output();
    EXPECT_EQ(two_->request("GET", "objects/acme/model/m").status, 200) << "it was not removed before the pause";
    ASSERT_EQ(::kill(one_->pid(), SIGCONT), 0);
    EXPECT_TRUE(eventually([&] { return one_->output().find("Expiration failed: Another instance leads now") != std::string::npos; }))
        << one_->output();
    for (const Node* css : {one_.get(), two_.get()}) EXPECT_EQ(css->request("GET", "objects/acme/model/m").status, 200);
    EXPECT_TRUE(eventually([&] { return !leads(*one_); })) << "its next heartbeat tells it";
    EXPECT_EQ(two_->terminate(), 0);
    EXPECT_TRUE(eventually([&] { return one_->request("GET", "objects/acme/model/m").status == 404; }))
        << "it was due all the time, so the first one removes it as soon as it leads again";
}

}  // namespace
}  // namespace edgesync::system_test
