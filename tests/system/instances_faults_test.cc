// Two CSS instances on one PostgreSQL database under load, while instances, connections, the server and clocks fail: nothing that was
// acknowledged is lost, nothing goes back, and nobody gets what is not for him. Runs inside tests/with-postgres.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <thread>

#include "tests/system/database.h"
#include "tests/system/instances_faults.h"

namespace edgesync::system_test {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

TEST_F(InstancesFaults, AnInstanceThatIsKilledAtAnyMomentLosesNothing) {
    start_all();
    load_->start();
    const auto seed = static_cast<unsigned>(std::chrono::system_clock::now().time_since_epoch().count());
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::minstd_rand random(seed);
    for (int kill = 0; kill < 8; ++kill) {
        const std::size_t before = load_->acknowledged();
        const std::size_t moment = before + random() % 40;
        EXPECT_TRUE(eventually([&] { return load_->acknowledged() >= moment; }));
        Node& victim = *css_[random() / 16 % 2];
        victim.kill_hard();
        victim.start();
        EXPECT_TRUE(eventually([&] { return load_->acknowledged() > before; })) << "the other one goes on, and then both";
    }
    load_->stop();
    load_->expect_everything_arrived();
}

TEST_F(InstancesFaults, ConnectionsThatTheServerEndsAtAnyMomentLoseNothing) {
    start_all();
    load_->start();
    const auto end = Clock::now() + 4s;
    int ended = 0;
    while (Clock::now() < end || (ended <= 10 && Clock::now() < end + kPatience)) {
        ended += database::run(
                     "SELECT 1 / count(pg_terminate_backend(pid)) FROM (SELECT pid FROM pg_stat_activity WHERE application_name ="
                     " 'edge-sync-service' ORDER BY random() LIMIT 2) AS victims")
                     ? 1
                     : 0;
    }
    EXPECT_GT(ended, 10);
    load_->stop();
    load_->expect_everything_arrived();
}

// The commit waits for a synchronous standby that does not exist; its connection is ended in that time, and all others stay.
TEST_F(InstancesFaults, ACommitWhoseAnswerIsLostStillWakesTheNodesOfItsInstance) {
    css_.push_back(instance("one"));
    css_[0]->start();
    const std::string name = "acme/camera/c1";
    const std::map<std::string, std::string> identity = {{"X-Sync-Service-Dest", name}};
    const std::string registration = "/spi/v1/register-new/" + name + "?persistent-storage=true";
    ASSERT_EQ(call(css_[0]->port(), "PUT", registration, "", identity, name).status, 204);
    const auto poll = [&] { return call(css_[0]->port(), "GET", "/spi/v1/objects/", "", identity, name).status; };
    EXPECT_EQ(poll(), 204) << "from now on it is known that nothing is pending";
    ASSERT_TRUE(database::run("ALTER SYSTEM SET synchronous_standby_names = 'nobody'") && database::run("SELECT pg_reload_conf()"));
    // The server's processes hear of it one after the other.
    ASSERT_TRUE(eventually([] { return database::run("SELECT 1 / count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"); }))
        << "a heartbeat waits for the standby";
    const std::string body = R"({"meta":{"objectID":"m","objectType":"model","destinationType":"camera"},"data":"aGVsbG8="})";
    int status = 0;
    std::thread client([&] { status = css_[0]->request("PUT", "objects/acme/model/m", body).status; });
    // What else waits for the standby is let through; the publish needs some of it.
    const std::string waiting = "FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND query ";
    const std::string others = "'reserve_ids|heartbeat|fold_counters|work'";
    EXPECT_TRUE(eventually([&] {
        database::run("SELECT pg_cancel_backend(pid) " + waiting + "~ " + others);
        return database::run("SELECT 1 / count(pg_terminate_backend(pid)) " + waiting + "!~ " + others);
    }));
    client.join();
    EXPECT_EQ(status, 503) << "nobody knows whether it is stored";
    EXPECT_TRUE(database::run("ALTER SYSTEM RESET synchronous_standby_names") && database::run("SELECT pg_reload_conf()"));
    EXPECT_TRUE(eventually([&] { return poll() == 200; }));
}

TEST_F(InstancesFaults, AServerThatStopsAtOnceUnderTwoInstancesLosesNothing) {
    start_all();
    load_->start();
    EXPECT_TRUE(eventually([&] { return load_->acknowledged() >= 200; }));
    database::stop_immediately();
    const auto status_at = [&](std::size_t css) { return publish(*css_[css], "model", "after", R"({"destinationType":"camera"})", "x"); };
    EXPECT_TRUE(eventually([&] { return status_at(0) == 503 && status_at(1) == 503; }));
    database::start();
    expect_that_both_work("after");
    load_->stop();
    load_->expect_everything_arrived();
}

TEST_F(InstancesFaults, AClockThatIsMovedByAnHourEitherWayChangesNothing) {
    if (!kCanShiftClocks) GTEST_SKIP() << "built for a sanitizer";
    make_instances();
    css_[0]->shift_clock(0s);
    start_instances();
    start_edges();
    load_->start();
    const std::string half_an_hour = time_text(std::time(nullptr) + 1800);
    const std::string expiring = R"({"destinationType":"camera","expiration":")" + half_an_hour + "\"}";
    const std::string sleeping = R"({"destinationType":"camera","inactive":true,"activationTime":")" + half_an_hour + "\"}";
    EXPECT_EQ(publish_at_once(*css_[0], "model", "expiring", expiring, "x"), 204);
    EXPECT_EQ(publish_at_once(*css_[0], "model", "sleeping", sleeping, "x"), 204);
    for (const auto ahead : {1h, 0h, -1h, 0h}) {
        css_[0]->shift_clock(ahead);
        const std::size_t before = load_->acknowledged();
        EXPECT_TRUE(eventually([&] { return load_->acknowledged() >= before + 300; }));
    }
    load_->stop();
    EXPECT_EQ(load_->refusals(), std::set<int>()) << "time is the database's";
    load_->expect_everything_arrived();
    EXPECT_EQ(deliveries(*css_[0], "model", "expiring"), "cam1=delivered,cam2=delivered");
    EXPECT_EQ(deliveries(*css_[0], "model", "sleeping"), "cam1=pending,cam2=pending");
}

}  // namespace
}  // namespace edgesync::system_test
