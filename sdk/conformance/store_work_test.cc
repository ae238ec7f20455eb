// Work items and instance ids.
#include "store_test.h"

#include <algorithm>
#include <set>
#include <thread>

namespace edgesync::conformance {
namespace {

using std::chrono::seconds;

class Work : public StoreTest {
protected:
    std::uint64_t enqueue(const std::string& payload, std::int64_t second) {
        std::uint64_t id = 0;
        write([&](WriteTransaction& t) { id = t.enqueue_work("kind", payload, at(second)); });
        return id;
    }
    std::vector<WorkItem> claim(std::int64_t second, std::int64_t lease = 60, std::size_t limit = 100) {
        std::vector<WorkItem> items;
        write([&](WriteTransaction& t) { items = t.claim_work(at(second), seconds(lease), limit); });
        return items;
    }
    std::uint64_t count() {
        return get([](ReadTransaction& t) { return t.count_work(); });
    }
    std::optional<TimePoint> next() {
        return get([](ReadTransaction& t) { return t.next_work(); });
    }
};

TEST_F(Work, IsClaimedWithWhatWasEnqueued) {
    EXPECT_EQ(count(), 0U) << broken("count_work: 0 at first");
    EXPECT_FALSE(next()) << broken("next_work: nullopt if there is none");
    EXPECT_TRUE(claim(1000).empty()) << broken("claim_work: nothing from an empty queue");
    const std::string payload("opaque\0\n", 8);
    const auto id = enqueue(payload, 10);
    EXPECT_EQ(count(), 1U) << broken("count_work: counts every item");
    EXPECT_EQ(next(), at(10)) << broken("next_work: when the next item may be claimed");
    const auto items = claim(10);
    ASSERT_EQ(items.size(), 1U) << broken("claim_work: items with not_before <= now");
    EXPECT_EQ(items[0].id, id) << broken("WorkItem::id is what enqueue_work returned");
    EXPECT_EQ(items[0].kind, "kind") << broken("claim_work: kind as enqueued");
    EXPECT_EQ(items[0].payload, payload) << broken("claim_work: the payload is opaque and comes back as enqueued");
}

TEST_F(Work, IsClaimedOldestFirstUpToTheLimit) {
    for (const auto& [payload, second] : std::vector<std::pair<std::string, int>>{{"c", 30}, {"a", 10}, {"future", 100}, {"b", 20}}) {
        enqueue(payload, second);
    }
    EXPECT_EQ(names_of(claim(9)), Names()) << broken("claim_work: not before not_before");
    EXPECT_EQ(names_of(claim(50, 600, 2)), (Names{"a", "b"})) << broken("claim_work: oldest first, at most `limit`");
    EXPECT_EQ(names_of(claim(50, 600)), Names{"c"}) << broken("claim_work: the rest that is due");
    EXPECT_EQ(next(), at(100)) << broken("next_work: the earliest not_before, claims moved the others");
    EXPECT_EQ(count(), 4U) << broken("count_work: claimed items still exist");
}

TEST_F(Work, IsNotClaimedTwiceBeforeItsLeaseIsOver) {
    enqueue("a", 0);
    const auto first = claim(10, 60);
    ASSERT_EQ(first.size(), 1U);
    EXPECT_EQ(next(), at(70)) << broken("claim_work: the item is moved to now + lease");
    EXPECT_TRUE(claim(69, 60).empty()) << broken("claim_work: no other claim gets it before the lease is over");
    const auto second = claim(70, 60);
    ASSERT_EQ(second.size(), 1U) << broken("claim_work: after the lease it is claimed again");
    EXPECT_EQ(second[0].id, first[0].id) << broken("WorkItem::id stays");
    EXPECT_EQ(second[0].attempts, first[0].attempts + 1) << broken("claim_work: every claim raises `attempts`");
}

TEST_F(Work, IsClaimedOnceByParallelClaimants) {
    write([](WriteTransaction& t) {
        for (int i = 0; i < 200; ++i) t.enqueue_work("kind", std::to_string(i), at(0));
    });
    std::vector<std::future<std::vector<WorkItem>>> claims;
    for (int i = 0; i < 16; ++i) claims.push_back(std::async(std::launch::async, [&] { return claim(10, 600, 15); }));
    std::multiset<std::uint64_t> ids;
    for (auto& one : claims) {
        for (const WorkItem& item : one.get()) ids.insert(item.id);
    }
    EXPECT_EQ(ids.size(), 200U) << broken("claim_work: claims take what is due up to their limit");
    EXPECT_EQ(std::set(ids.begin(), ids.end()).size(), ids.size()) << broken("claim_work: no item goes to two claims");
}

TEST_F(Work, IsGoneWhenCompleted) {
    const auto id = enqueue("a", 0);
    claim(0);
    write([&](WriteTransaction& t) {
        t.complete_work(id);
        t.complete_work(id + 1000);
    });
    EXPECT_EQ(count(), 0U) << broken("complete_work: removes the item");
    EXPECT_FALSE(next()) << broken("complete_work: removes the item from next_work");
    EXPECT_TRUE(claim(100'000).empty()) << broken("complete_work: the item is never claimed again");
    EXPECT_NE(enqueue("b", 0), id) << broken("enqueue_work: ids name one item");
}

TEST_F(Work, IsRescheduledWithItsProgress) {
    const auto id = enqueue("a", 0);
    const auto attempts = claim(0).at(0).attempts;
    write([&](WriteTransaction& t) {
        t.reschedule_work(id, at(500), "progress");
        t.reschedule_work(id + 1000, at(0), "absent");
    });
    EXPECT_EQ(count(), 1U) << broken("reschedule_work: absent is fine and creates nothing");
    EXPECT_EQ(next(), at(500)) << broken("reschedule_work: moves the item");
    EXPECT_TRUE(claim(499).empty()) << broken("reschedule_work: moves the item");
    const auto items = claim(500);
    ASSERT_EQ(items.size(), 1U) << broken("reschedule_work: the item can be claimed at its new time");
    EXPECT_EQ(items[0].payload, "progress") << broken("reschedule_work: replaces the payload");
    EXPECT_EQ(items[0].kind, "kind") << broken("reschedule_work: keeps the kind");
    EXPECT_EQ(items[0].attempts, attempts + 1) << broken("reschedule_work: keeps the number of claims");
}

class InstanceIds : public StoreTest {
protected:
    InstanceId issue(TimePoint now, InstanceId floor = 0) {
        InstanceId id = 0;
        write([&](WriteTransaction& t) { id = t.next_instance_id(now, floor); });
        return id;
    }
};

TimePoint clock_now() { return std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now()); }

TEST_F(InstanceIds, AreTheTimeInNanosecondsIfThatIsTheLargest) {
    const TimePoint now = clock_now() + std::chrono::hours(1);
    EXPECT_EQ(issue(now), now.time_since_epoch().count()) << broken("next_instance_id: max(now in ns, last issued + 1, floor + 1)");
    EXPECT_EQ(issue(now), now.time_since_epoch().count() + 1) << broken("next_instance_id: last issued + 1 if the clock stands");
}

TEST_F(InstanceIds, StayIncreasingWhenTheClockGoesBackOneHour) {
    const TimePoint now = clock_now();
    const InstanceId before = issue(now);
    const InstanceId after = issue(now - std::chrono::hours(1));
    EXPECT_GT(after, before) << broken("next_instance_id: never repeats, whatever the clock does");
    EXPECT_EQ(after, before + 1) << broken("next_instance_id: last issued + 1 while the clock is behind");
}

TEST_F(InstanceIds, AreAboveTheFloor) {
    const TimePoint now = clock_now();
    const InstanceId floor = now.time_since_epoch().count() + 1'000'000'000'000;
    EXPECT_EQ(issue(now, floor), floor + 1) << broken("next_instance_id: at least floor + 1");
    EXPECT_EQ(issue(now, 0), floor + 2) << broken("next_instance_id: never below one that was issued");
}

TEST_F(InstanceIds, AreUniqueAndIncreasingWithinAndAcrossTransactions) {
    std::vector<std::future<std::vector<InstanceId>>> threads;
    for (int i = 0; i < 8; ++i) {
        threads.push_back(std::async(std::launch::async, [&] {
            std::vector<InstanceId> all;
            for (int round = 0; round < 20; ++round) {
                std::vector<InstanceId> ids;
                write([&](WriteTransaction& t) {
                    ids.clear();
                    for (int k = 0; k < 5; ++k) ids.push_back(t.next_instance_id(at(0), 0));
                });
                all.insert(all.end(), ids.begin(), ids.end());
            }
            return all;
        }));
    }
    std::set<InstanceId> seen;
    for (auto& thread : threads) {
        const auto ids = thread.get();
        EXPECT_TRUE(std::is_sorted(ids.begin(), ids.end())) << broken("next_instance_id: ids increase in the order of the transactions");
        seen.insert(ids.begin(), ids.end());
    }
    EXPECT_EQ(seen.size(), 8U * 20U * 5U) << broken("next_instance_id: never repeats");
}

// Also a store that is not persistent must go on above what it issued before it was restarted.
TEST_F(InstanceIds, GoOnIncreasingAfterARestart) {
    const TimePoint now = clock_now();
    InstanceId last = issue(now);
    for (int i = 0; i < 3; ++i) {
        restart();
        const InstanceId next = issue(now - std::chrono::hours(1));
        EXPECT_GT(next, last) << broken("next_instance_id: never repeats over restarts");
        last = next;
    }
    const InstanceId ahead = issue(now, last + 3'600'000'000'000);
    restart();
    EXPECT_GT(issue(now), ahead) << broken("next_instance_id: never repeats over restarts, also when a floor pushed it ahead of the clock");
}

}  // namespace
}  // namespace edgesync::conformance
