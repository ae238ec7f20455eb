// What several processes that share a store owe each other; two open stores in one process stand for them. A store that is not
// shared must say nothing and always lead.
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <future>
#include <map>
#include <mutex>
#include <numeric>
#include <thread>

#include "options.h"
#include "store_test.h"

namespace edgesync::conformance {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// What a store's listener heard.
class Heard {
public:
    void listen(Store& store) {
        store.listen([this](const std::optional<std::string>& message) {
            const std::lock_guard lock(mutex_);
            messages_.push_back(message.value_or("(missed)"));
            changed_.notify_all();
        });
    }
    /// Waits until there are so many; what there is at the deadline.
    std::vector<std::string> wait_for(std::size_t number, milliseconds patience = usual_wait()) {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, patience, [&] { return messages_.size() >= number; });
        return messages_;
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::string> messages_;
};

class Cluster : public StoreTest {
protected:
    void SetUp() override {
        StoreTest::SetUp();
        if (!store().traits().is_shared) GTEST_SKIP() << "the store is not shared";
        other_ = std::make_unique<OpenStore>(folder());
    }
    void TearDown() override {
        other_.reset();
        StoreTest::TearDown();
    }
    Store& other() { return **other_; }
    static void tell(Store& from, const std::vector<std::string>& messages) {
        const auto failure = run_write(from, [&](WriteTransaction& t) {
            for (const auto& message : messages) t.broadcast(message);
        });
        EXPECT_EQ(failure, nullptr);
    }

    std::unique_ptr<OpenStore> other_;
};

TEST_F(Cluster, AMessageIsHeardByTheOthersInOrderAndNotByTheSender) {
    Heard mine;
    Heard theirs;
    mine.listen(store());
    theirs.listen(other());
    tell(store(), {"one", "two's", std::string("th\0ree", 6)});
    tell(store(), {"four"});
    EXPECT_EQ(theirs.wait_for(4), (std::vector<std::string>{"one", "two's", std::string("th\0ree", 6), "four"}))
        << broken("broadcast: every other process hears each message, in order");
    tell(other(), {"back"});
    EXPECT_EQ(mine.wait_for(1), std::vector<std::string>{"back"}) << broken("broadcast: only by the other processes");
}

TEST_F(Cluster, WhatIsHeardCanBeRead) {
    std::mutex mutex;
    std::vector<std::string> seen;
    std::condition_variable changed;
    other().listen([&](const std::optional<std::string>& message) {
        if (!message) return;
        std::thread([&, key = *message] {  // Not on the store's thread.
            std::optional<std::string> value;
            other().read([&](ReadTransaction& t) { value = t.entry(EntryTable::Setting, {key}); });
            const std::lock_guard lock(mutex);
            seen.push_back(value.value_or("(nothing)"));
            changed.notify_all();
        })
            .detach();
    });
    for (int i = 0; i < 20; ++i) {
        const std::string key = "key" + std::to_string(i);
        write([&](WriteTransaction& t) {
            t.put_entry(EntryTable::Setting, {key}, "value");
            t.broadcast(key);
        });
    }
    std::unique_lock lock(mutex);
    EXPECT_TRUE(changed.wait_for(lock, usual_wait(), [&] { return seen.size() == 20; }));
    EXPECT_EQ(seen, std::vector<std::string>(20, "value")) << broken("broadcast: heard once the transaction can be seen");
}

TEST_F(Cluster, AMessageOfATransactionThatFailedIsNotHeard) {
    Heard theirs;
    theirs.listen(other());
    EXPECT_NE(try_write([](WriteTransaction& t) {
                  t.broadcast("never");
                  throw std::runtime_error("no");
              }),
              nullptr);
    tell(store(), {"after"});
    EXPECT_EQ(theirs.wait_for(1), std::vector<std::string>{"after"}) << broken("broadcast: part of its transaction");
}

TEST_F(Cluster, AMessageIsHeardWithinFiftyMilliseconds) {
    Heard theirs;
    theirs.listen(other());
    constexpr std::size_t kMost = 100;
    constexpr milliseconds kSoon{50};
    tell(store(), {"first"});
    ASSERT_EQ(theirs.wait_for(1).size(), 1U);
    // The best of many, because the machine may be busy. A store that asks now and then has just done so each time, and would miss it.
    milliseconds best = milliseconds::max();
    for (std::size_t i = 2; i <= kMost && best >= kSoon; ++i) {
        tell(store(), {"x"});
        const auto committed = std::chrono::steady_clock::now();
        ASSERT_EQ(theirs.wait_for(i).size(), i);
        best = std::min(best, std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - committed));
    }
    EXPECT_LT(best, kSoon) << broken("listen: usually within milliseconds");
}

TEST_F(Cluster, WhatWasSaidJustBeforeAStoreClosedIsHeardSoon) {
    Heard mine;
    mine.listen(store());
    tell(other(), {"last"});
    other_.reset();
    EXPECT_EQ(mine.wait_for(1, seconds(2)), std::vector<std::string>{"last"}) << broken("listen: usually within milliseconds");
}

TEST_F(Cluster, NoMessageOfManyWritersIsLost) {
    Heard theirs;
    theirs.listen(other());
    constexpr std::size_t kWriters = 8;
    constexpr std::size_t kEach = 50;
    std::vector<std::thread> writers;
    for (std::size_t w = 0; w < kWriters; ++w) {
        writers.emplace_back([&, w] {
            for (std::size_t i = 0; i < kEach; ++i) tell(store(), {std::to_string(w) + "-" + std::to_string(i)});
        });
    }
    for (auto& writer : writers) writer.join();
    auto heard = theirs.wait_for(kWriters * kEach);
    EXPECT_EQ(heard.size(), kWriters * kEach) << broken("broadcast: every message is heard once");
    std::sort(heard.begin(), heard.end());
    EXPECT_EQ(std::unique(heard.begin(), heard.end()), heard.end()) << broken("broadcast: every message is heard once");
}

TEST_F(Cluster, AMessageThatIsTooLargeIsRefused) {
    EXPECT_THROW(write([](WriteTransaction& t) { t.broadcast(std::string(1024 * 1024 + 1, 'x')); }), Error);
    Heard theirs;
    theirs.listen(other());
    tell(store(), {std::string(1024 * 1024, 'x')});
    EXPECT_EQ(theirs.wait_for(1).at(0).size(), 1024U * 1024U);
}

TEST_F(Cluster, TheyAgreeOnTheTime) {
    constexpr milliseconds kMost{500};
    // Any time may pass between two questions.
    const TimePoint before = store().now();
    const TimePoint between = other().now();
    const TimePoint after = store().now();
    EXPECT_GT(between, before - kMost) << broken("now: all processes agree");
    EXPECT_LT(between, after + kMost) << broken("now: all processes agree");
}

TEST_F(Cluster, OneLeadsUntilItsTimeIsOver) {
    constexpr seconds kLong(3600);
    const auto first = store().lead("one", kLong);
    ASSERT_TRUE(first);
    EXPECT_EQ(other().lead("two", kLong), std::nullopt) << broken("lead: one at a time");
    EXPECT_EQ(store().lead("one", kLong), first) << broken("lead: repeated, it keeps its term");
    store().resign("one");

    // Any time may pass between two calls, so what is said of it counts from the begin of the first to the end of the second.
    constexpr seconds kShort(1);
    constexpr milliseconds kAtLeast(900);
    using Clock = std::chrono::steady_clock;
    const auto began = Clock::now();
    const auto term = store().lead("three", kShort);
    ASSERT_TRUE(term);
    std::optional<std::int64_t> next;
    auto asked = began;
    while (!next && Clock::now() - began < usual_wait()) {
        asked = Clock::now();
        next = other().lead("two", kShort);
        std::this_thread::sleep_for(milliseconds(20));  // The time is what is waited for.
    }
    ASSERT_TRUE(next) << broken("lead: another one takes over after the timeout");
    EXPECT_GE(Clock::now() - began, kAtLeast) << broken("lead: not before the timeout");
    EXPECT_GT(*next, *term) << broken("lead: the term grows with each leader");
    EXPECT_TRUE(!store().lead("three", kShort) || Clock::now() - asked >= kAtLeast) << broken("lead: one at a time");
}

TEST_F(Cluster, AResignedLeaderIsFollowedAtOnce) {
    const auto term = store().lead("it's me", seconds(3600));
    ASSERT_TRUE(term);
    other().resign("somebody else");
    EXPECT_EQ(other().lead("two", seconds(3600)), std::nullopt) << broken("resign: of the leader only");
    store().resign("it's me");
    EXPECT_GT(other().lead("two", seconds(3600)), term) << broken("resign: others take over at once");
}

TEST_F(Cluster, AFormerLeaderCannotWrite) {
    const auto old = store().lead("one", seconds(3600));
    ASSERT_TRUE(old);
    const auto put = [&](std::int64_t term, const std::string& value) {
        return try_write([&](WriteTransaction& t) {
            t.require_leadership(term);
            t.put_entry(EntryTable::Setting, {"by"}, value);
        });
    };
    EXPECT_EQ(put(*old, "one"), nullptr);
    store().resign("one");
    const auto term = other().lead("two", seconds(3600));
    ASSERT_TRUE(term);
    EXPECT_NE(put(*old, "one again"), nullptr) << broken("require_leadership: fails after somebody took over");
    EXPECT_EQ(put(*term, "two"), nullptr);
    EXPECT_EQ(get([](ReadTransaction& t) { return t.entry(EntryTable::Setting, {"by"}); }), "two");
}

TEST_F(Cluster, NobodyTakesOverInTheMiddleOfALeadersTransaction) {
    const auto old = store().lead("one", seconds(3600));
    ASSERT_TRUE(old);
    std::promise<void> inside;
    std::promise<void> may_go_on;
    std::thread leader([&] {
        EXPECT_EQ(try_write([&, is_first = true](WriteTransaction& t) mutable {
                      t.require_leadership(*old);
                      if (is_first) {
                          inside.set_value();
                          may_go_on.get_future().wait();
                      }
                      is_first = false;
                      t.put_entry(EntryTable::Setting, {"by"}, "one");
                  }),
                  nullptr);
    });
    inside.get_future().wait();
    EXPECT_EQ(store().lead("one", seconds(3600)), old) << broken("require_leadership: does not hold up the leader's own calls");
    other().resign("one");
    std::atomic<bool> has_taken_over{false};
    std::thread follower([&] {
        EXPECT_GT(other().lead("two", seconds(3600)), old);
        has_taken_over = true;
    });
    std::this_thread::sleep_for(milliseconds(200));  // Long enough for a store that does not wait.
    EXPECT_FALSE(has_taken_over) << broken("require_leadership: nobody takes over before the commit");
    may_go_on.set_value();
    leader.join();
    follower.join();
    EXPECT_EQ(get([](ReadTransaction& t) { return t.entry(EntryTable::Setting, {"by"}); }), "one");
}

TEST_F(Cluster, DueNotificationsAreGivenToOneTransactionAtATime) {
    write([](WriteTransaction& t) {
        for (int i = 0; i < 10; ++i) {
            const auto object = object_key("object" + std::to_string(i));
            t.put_notification(notification(object, node_key("node"), NotificationStatus::Update, 5));
        }
    });
    std::mutex mutex;
    std::map<std::string, int> claims;
    const auto claim = [&](Store& from) {
        for (int i = 0; i < 20; ++i) {
            std::vector<std::string> ids;
            const auto failure = run_write(from, [&](WriteTransaction& t) {
                ids.clear();
                for (auto record : t.due_notifications(at(10), 3)) {
                    ids.push_back(record.object.id);
                    record.resend_at = at(100);
                    t.put_notification(record);
                }
            });
            EXPECT_EQ(failure, nullptr);
            const std::lock_guard lock(mutex);
            for (const auto& id : ids) ++claims[id];
        }
    };
    std::thread one([&] { claim(store()); });
    std::thread two([&] { claim(other()); });
    one.join();
    two.join();
    EXPECT_EQ(claims.size(), 10U);
    for (const auto& [id, number] : claims) EXPECT_EQ(number, 1) << id << broken("a due notification that was moved is not due any more");
}

/// Runs `f(txn, i)` for 64 numbers in transactions that begin together, half of them in each process.
void write_at_both(Store& one, Store& other, const std::function<void(WriteTransaction&, std::size_t)>& f) {
    std::vector<std::future<std::exception_ptr>> ends;
    for (std::size_t i = 0; i < 64; ++i) {
        Store& at = i % 2 == 0 ? one : other;
        ends.push_back(std::async(std::launch::async, [&at, &f, i] { return run_write(at, [&f, i](WriteTransaction& t) { f(t, i); }); }));
    }
    for (auto& end : ends) EXPECT_EQ(end.get(), nullptr);
}

TEST_F(Cluster, SixtyFourParallelDecrementsOfTwoProcessesReturnEachValueOnce) {
    const ObjectKey key = object_key("object");
    write([&](WriteTransaction& t) {
        ObjectRecord record = sender_object(key);
        record.remaining_consumers = 64;
        t.put_object(record);
    });
    std::vector<std::int32_t> seen(64, -1);
    write_at_both(store(), other(), [&](WriteTransaction& t, std::size_t i) {
        auto record = t.object(key);
        seen[i] = --record.value().remaining_consumers;
        t.put_object(*record);
    });
    std::sort(seen.begin(), seen.end());
    std::vector<std::int32_t> each(64);
    std::iota(each.begin(), each.end(), 0);
    EXPECT_EQ(seen, each) << broken("submit: transactions of all processes act as if they ran one after the other");
}

TEST_F(Cluster, WhatTwoProcessesAddToOneListIsAllThere) {
    const std::vector<std::string> key = {"list"};
    write_at_both(store(), other(), [&](WriteTransaction& t, std::size_t i) {
        t.put_entry(EntryTable::Acl, key, t.entry(EntryTable::Acl, key).value_or("") + static_cast<char>(' ' + i));
    });
    std::string list = get([&](ReadTransaction& t) { return t.entry(EntryTable::Acl, key); }).value_or("");
    std::sort(list.begin(), list.end());
    std::string each(64, ' ');
    std::iota(each.begin(), each.end(), ' ');
    EXPECT_EQ(list, each) << broken("submit: transactions of all processes act as if they ran one after the other");
}

/// Puts again what it sees, and has it erased by another process in between; a store may make either wait for the other.
template <typename See, typename Put, typename Erase>
void put_what_another_erases(Store& store, Store& other, See see, Put put, Erase erase) {
    std::future<std::exception_ptr> erased;
    const auto failure = run_write(store, [&](WriteTransaction& t) {
        const auto seen = see(t);
        if (!erased.valid()) {
            erased = std::async(std::launch::async, [&] { return run_write(other, erase); });
            erased.wait_for(milliseconds(500));
        }
        if (seen) put(t, *seen);
    });
    EXPECT_EQ(failure, nullptr);
    EXPECT_EQ(erased.get(), nullptr);
}

TEST_F(Cluster, WhatAnotherProcessErasesMeanwhileIsNotPutBack) {
    const ObjectKey object = object_key("object");
    const NodeKey node = node_key("node");
    write([&](WriteTransaction& t) {
        t.put_object(sender_object(object));
        t.put_delivery(delivery(object, node));
        t.put_notification(notification(object, node, NotificationStatus::Update));
        t.put_destination(destination(node));
        t.put_entry(EntryTable::Setting, {"name"}, "value");
    });
    put_what_another_erases(
        store(), other(), [&](WriteTransaction& t) { return t.delivery(object, node); },
        [](WriteTransaction& t, const DeliveryRecord& seen) { t.put_delivery(seen); },
        [&](WriteTransaction& t) { t.erase_delivery(object, node); });
    put_what_another_erases(
        store(), other(), [&](WriteTransaction& t) { return t.notification(object, node); },
        [](WriteTransaction& t, const NotificationRecord& seen) { t.put_notification(seen); },
        [&](WriteTransaction& t) { t.erase_notification(object, node); });
    put_what_another_erases(
        store(), other(), [&](WriteTransaction& t) { return t.object(object); },
        [](WriteTransaction& t, const ObjectRecord& seen) { t.put_object(seen); }, [&](WriteTransaction& t) { t.erase_object(object); });
    put_what_another_erases(
        store(), other(), [&](WriteTransaction& t) { return t.destination(node); },
        [](WriteTransaction& t, const DestinationRecord& seen) { t.put_destination(seen); },
        [&](WriteTransaction& t) { t.erase_destination(node); });
    put_what_another_erases(
        store(), other(), [&](WriteTransaction& t) { return t.entry(EntryTable::Setting, {"name"}); },
        [](WriteTransaction& t, const std::string& seen) { t.put_entry(EntryTable::Setting, {"name"}, seen); },
        [&](WriteTransaction& t) { t.erase_entry(EntryTable::Setting, {"name"}); });
    const auto rule = broken("submit: what `f` has seen and another process erases before the end is not put back");
    EXPECT_FALSE(get([&](ReadTransaction& t) { return t.object(object); })) << rule;
    EXPECT_FALSE(get([&](ReadTransaction& t) { return t.delivery(object, node); })) << rule;
    EXPECT_FALSE(get([&](ReadTransaction& t) { return t.notification(object, node); })) << rule;
    EXPECT_FALSE(get([&](ReadTransaction& t) { return t.destination(node); })) << rule;
    EXPECT_FALSE(get([&](ReadTransaction& t) { return t.entry(EntryTable::Setting, {"name"}); })) << rule;
}

using ClusterOfOne = StoreTest;

TEST_F(ClusterOfOne, AStoreThatIsNotSharedAlwaysLeads) {
    if (store().traits().is_shared) GTEST_SKIP() << "the store is shared";
    EXPECT_EQ(store().lead("one", seconds(1)), 1);
    EXPECT_EQ(store().lead("two", seconds(1)), 1);
    store().listen([](const std::optional<std::string>&) { ADD_FAILURE() << "nobody else can say anything"; });
    write([](WriteTransaction& t) {
        t.require_leadership(1);
        t.broadcast("nobody");
    });
}

}  // namespace
}  // namespace edgesync::conformance
