// Atomicity, isolation, order and failures of transactions.
#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>

#include "store_test.h"

namespace edgesync::conformance {
namespace {

constexpr EntryTable kTable = EntryTable::Setting;

class Transactions : public StoreTest {
protected:
    std::optional<std::string> entry(const std::string& key) {
        return get([&](ReadTransaction& t) { return t.entry(kTable, {key}); });
    }
};

struct ForeignException {
    int number;
};

/// Counts the calls of `done` of many submissions, and waits for all of them.
class Completions {
public:
    explicit Completions(std::size_t count) : calls_(count), failures_(count) {}

    void done(std::size_t index, std::exception_ptr failure) {
        const std::lock_guard lock(mutex_);
        ++calls_[index];
        failures_[index] = failure;
        changed_.notify_all();
    }
    /// False if some submission was not completed within a minute.
    bool wait() {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, std::chrono::minutes(1),
                                 [&] { return std::none_of(calls_.begin(), calls_.end(), [](int calls) { return calls == 0; }); });
    }
    std::vector<int> calls() {
        const std::lock_guard lock(mutex_);
        return calls_;
    }
    bool has_failed(std::size_t index) {
        const std::lock_guard lock(mutex_);
        return failures_[index] != nullptr;
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<int> calls_;
    std::vector<std::exception_ptr> failures_;
};

/// Touches every kind of record, so that a transaction that is undone must undo each.
void change_everything(WriteTransaction& t, const BlobId& blob) {
    ObjectRecord object = full_object(object_key("victim"));
    t.put_object(object);
    t.put_object(sender_object(object_key("new")));
    t.put_delivery(delivery(object_key("victim"), node_key("n"), DeliveryStatus::Consumed));
    t.put_delivery(delivery(object_key("new"), node_key("n")));
    t.put_notification(notification(object_key("victim"), node_key("n"), NotificationStatus::DeletePending));
    t.put_notification(notification(object_key("new"), node_key("n"), NotificationStatus::Update));
    t.put_destination(destination(node_key("new")));
    t.put_entry(kTable, {"victim"}, "after");
    t.erase_entry(kTable, {"other"});
    t.enqueue_work("kind", "new", at(0));
    t.claim_work(at(100), std::chrono::seconds(1000), 10);
    t.erase_blob(blob);
}

/// Everything that change_everything may have changed, as text.
Names fingerprint(ReadTransaction& t, const BlobId& blob) {
    Names out = names_of(t.objects("", "", "", 100).items);
    const auto add = [&](const Names& more) { out.insert(out.end(), more.begin(), more.end()); };
    out.push_back(differences(t.object(object_key("victim")).value_or(ObjectRecord()), sender_object(object_key("victim"))));
    add(names_of(t.objects_addressed_to(node_key("n"), "", 100).items));
    add(names_of(t.consumed_objects(100)));
    out.push_back("own " + std::to_string(t.count_own_objects()) + ", consumed " + std::to_string(t.count_consumed_objects()));
    for (const auto& one : t.deliveries(object_key("victim"), "", 100).items)
        out.push_back("delivery " + std::string(to_string(one.status)));
    for (const auto count : t.delivery_counts(object_key("victim"))) out.push_back(std::to_string(count));
    add(names_of(t.objects_of_node(node_key("n"), "", 100).items));
    add(names_of(t.pending_notifications(node_key("n"), 0, 100)));
    add(names_of(t.due_notifications(at(100), 100)));
    for (const auto& one : t.notifications_of_peer(node_key("n"), "", 100).items) out.push_back(std::string(to_string(one.status)));
    add(names_of(t.destinations("org", "", "", 100).items));
    out.push_back("nodes " + std::to_string(t.count_destinations()));
    for (const Entry& one : t.entries(kTable, {}, "", 100).items) out.push_back(name_of(one) + "=" + one.value);
    const auto next = t.next_work();
    out.push_back("work " + std::to_string(t.count_work()) + " at " + (next ? std::to_string(next->time_since_epoch().count()) : "never"));
    out.push_back(t.blob(blob) ? "blob" : "no blob");
    out.push_back(t.open_blob(blob) ? "octets" : "no octets");
    return out;
}

TEST_F(Transactions, KeepNothingWhenTheClosureThrows) {
    const BlobId blob = store().blobs().new_id();
    write([&](WriteTransaction& t) {
        t.put_object(sender_object(object_key("victim")));
        t.put_delivery(delivery(object_key("victim"), node_key("n")));
        t.put_notification(notification(object_key("victim"), node_key("n"), NotificationStatus::UpdatePending));
        t.put_entry(kTable, {"victim"}, "before");
        t.put_entry(kTable, {"other"}, "before");
        t.enqueue_work("kind", "old", at(0));
        t.put_small_data(blob_record(blob, BlobState::Published, 3), octets(1, 3));
    });
    const Names before = get([&](ReadTransaction& t) { return fingerprint(t, blob); });
    const auto failure = try_write([&](WriteTransaction& t) {
        change_everything(t, blob);
        throw Error(ErrorKind::Conflict, "on purpose");
    });
    EXPECT_TRUE(failure) << broken("submit: `done` gets the exception of `f`");
    EXPECT_EQ(get([&](ReadTransaction& t) { return fingerprint(t, blob); }), before)
        << broken("submit: when `f` throws, nothing of `f` was kept");
    write([&](WriteTransaction& t) { change_everything(t, blob); });
    EXPECT_NE(get([&](ReadTransaction& t) { return fingerprint(t, blob); }), before)
        << broken("submit: the same changes are kept when `f` returns");
}

TEST_F(Transactions, HandTheVeryExceptionToDone) {
    const auto error = try_write([](WriteTransaction&) { throw Error(ErrorKind::NotFound, "what is missing"); });
    try {
        ASSERT_TRUE(error) << broken("submit: `done` gets the exception of `f`");
        std::rethrow_exception(error);
    } catch (const Error& e) {
        EXPECT_EQ(e.kind(), ErrorKind::NotFound) << broken("submit: an Error keeps its kind");
        EXPECT_STREQ(e.what(), "what is missing") << broken("submit: an Error keeps its message");
    } catch (...) {
        ADD_FAILURE() << broken("submit: `done` gets the exception of `f`, not another one");
    }
    const auto foreign = try_write([](WriteTransaction&) { throw ForeignException{42}; });
    ASSERT_TRUE(foreign) << broken("submit: `done` gets the exception of `f`, whatever its type");
    try {
        std::rethrow_exception(foreign);
    } catch (const ForeignException& e) {
        EXPECT_EQ(e.number, 42);
    } catch (...) {
        ADD_FAILURE() << broken("submit: `done` gets the exception of `f`, whatever its type");
    }
    EXPECT_FALSE(try_write([](WriteTransaction&) {})) << broken("submit: `done` gets null on success");
}

TEST_F(Transactions, PassExceptionsOfReadersThrough) {
    EXPECT_THROW(store().read([](ReadTransaction&) { throw ForeignException{1}; }), ForeignException)
        << broken("read: an exception of `f` passes through");
    EXPECT_FALSE(entry("a")) << broken("read: works after an exception of a reader");
    const auto caller = std::this_thread::get_id();
    store().read(
        [&](ReadTransaction&) { EXPECT_EQ(std::this_thread::get_id(), caller) << broken("read: runs `f` on the calling thread"); });
}

TEST_F(Transactions, OfOneThreadRunInOrderAndFailuresDoNotSpoilNeighbours) {
    constexpr std::size_t kCount = 300;
    Completions completions(kCount);
    for (std::size_t i = 0; i < kCount; ++i) {
        submit(
            store(),
            [i](WriteTransaction& t) {
                t.put_entry(kTable, {"order"}, t.entry(kTable, {"order"}).value_or("") + "," + std::to_string(i));
                t.put_object(sender_object(object_key(std::to_string(i))));
                if (i % 3 == 1) throw Error(ErrorKind::Conflict, "on purpose");
            },
            [&completions, i](std::exception_ptr failure) { completions.done(i, failure); });
    }
    ASSERT_TRUE(completions.wait()) << broken("submit: `done` is called once");
    std::string order;
    std::size_t kept = 0;
    for (std::size_t i = 0; i < kCount; ++i) {
        EXPECT_EQ(completions.has_failed(i), i % 3 == 1) << broken("submit: a neighbour's failure is not mine");
        if (i % 3 == 1) continue;
        order.append(",").append(std::to_string(i));
        ++kept;
    }
    if (!store().traits().is_shared) {
        EXPECT_EQ(entry("order"), order) << broken("submit: submissions of one thread run in their order; what throws keeps nothing");
    }
    const auto listed = get([](ReadTransaction& t) { return t.objects("org", "type", "", 1000); });
    EXPECT_EQ(listed.items.size(), kept) << broken("submit: a closure that throws keeps nothing and does not spoil its neighbours");
    EXPECT_EQ(completions.calls(), std::vector<int>(kCount, 1)) << broken("submit: `done` is called exactly once");
}

TEST_F(Transactions, FromManyThreadsAreEachCompletedOnce) {
    constexpr std::size_t kThreads = 8;
    constexpr std::size_t kEach = 50;
    Completions completions(kThreads * kEach);
    std::vector<std::thread> threads;
    for (std::size_t thread = 0; thread < kThreads; ++thread) {
        threads.emplace_back([&, thread] {
            for (std::size_t i = thread * kEach; i < (thread + 1) * kEach; ++i) {
                submit(
                    store(),
                    [](WriteTransaction& t) {
                        const auto old = t.entry(kTable, {"count"});
                        t.put_entry(kTable, {"count"}, std::to_string(old ? std::stoi(*old) + 1 : 1));
                    },
                    [&completions, i](std::exception_ptr failure) { completions.done(i, failure); });
            }
        });
    }
    for (auto& thread : threads) thread.join();
    ASSERT_TRUE(completions.wait()) << broken("submit: `done` is called once");
    EXPECT_EQ(entry("count"), std::to_string(kThreads * kEach)) << broken("submit: read-modify-write in a transaction loses no update");
    close_store();
    EXPECT_EQ(completions.calls(), std::vector<int>(kThreads * kEach, 1)) << broken("submit: `done` is called exactly once");
}

TEST_F(Transactions, AreVisibleWhenDoneIsCalled) {
    std::promise<std::optional<std::string>> seen;
    store().submit([](WriteTransaction& t) { t.put_entry(kTable, {"a"}, "1"); },
                   [&](std::exception_ptr) {
                       std::optional<std::string> value;
                       store().read([&](ReadTransaction& t) { value = t.entry(kTable, {"a"}); });
                       seen.set_value(value);
                   });
    EXPECT_EQ(seen.get_future().get(), "1") << broken("submit: when `done` is called the changes are there for every reader");
}

TEST_F(Transactions, MayBeSubmittedFromDone) {
    std::promise<void> finished;
    std::function<void(int)> step = [&](int n) {
        store().submit([n](WriteTransaction& t) { t.put_entry(kTable, {"n"}, std::to_string(n)); },
                       [&, n](std::exception_ptr) { n == 20 ? finished.set_value() : step(n + 1); });
    };
    step(1);
    ASSERT_EQ(finished.get_future().wait_for(std::chrono::minutes(1)), std::future_status::ready) << broken("submit: `done` may submit");
    EXPECT_EQ(entry("n"), "20") << broken("submit: `done` may submit");
}

TEST_F(Transactions, SubmittedBeforeCloseAreDoneWhenItReturns) {
    constexpr std::size_t kCount = 100;
    Completions completions(kCount);
    for (std::size_t i = 0; i < kCount; ++i) {
        submit(
            store(), [i](WriteTransaction& t) { t.put_entry(kTable, {std::to_string(i)}, "v"); },
            [&completions, i](std::exception_ptr failure) { completions.done(i, failure); });
    }
    close_store();
    EXPECT_EQ(completions.calls(), std::vector<int>(kCount, 1)) << broken("close: waits until submitted transactions are done");
}

TEST_F(Transactions, ReadTheirOwnChanges) {
    const auto rule = broken("a write transaction's reads see its own changes");
    write([&](WriteTransaction& t) {
        for (const auto* id : {"a", "b", "c"}) t.put_object(receiver_object(object_key(id), ObjectStatus::CompletelyReceived, 1));
        t.erase_object(object_key("b"));
        EXPECT_FALSE(t.object(object_key("b"))) << rule;
        EXPECT_EQ(names_of(t.updated_objects("org", "type", false, "", 10).items), (Names{"a", "c"})) << rule;
        EXPECT_EQ(names_of(t.objects("org", "", "", 10).items), (Names{"a", "c"})) << rule;
        t.put_notification(notification(object_key("a"), node_key("n"), NotificationStatus::UpdatePending));
        EXPECT_EQ(names_of(t.pending_notifications(node_key("n"), 0, 10)), Names{"a@n"}) << rule;
        t.put_entry(kTable, {"k"}, "v");
        EXPECT_EQ(names_of(t.entries(kTable, {}, "", 10).items), Names{"k"}) << rule;
        t.enqueue_work("kind", "p", at(3));
        EXPECT_EQ(t.count_work(), 1U) << rule;
        EXPECT_EQ(t.next_work(), at(3)) << rule;
        const BlobId id = store().blobs().new_id();
        t.put_small_data(blob_record(id, BlobState::Published, 5), octets(1, 5));
        const auto reader = t.open_blob(id);
        EXPECT_TRUE(reader && content_of(*reader) == octets(1, 5)) << rule;
    });
}

TEST_F(Transactions, ReadersDoNotWaitForAWriter) {
    write([](WriteTransaction& t) { t.put_entry(kTable, {"a"}, "old"); });
    std::promise<void> entered;
    std::promise<void> leave;
    auto may_leave = leave.get_future().share();
    std::atomic<bool> has_entered = false;
    auto written = std::async(std::launch::async, [&] {
        write([&](WriteTransaction& t) {
            t.put_entry(kTable, {"a"}, "new");
            if (!has_entered.exchange(true)) entered.set_value();
            may_leave.wait();
        });
    });
    entered.get_future().wait();
    auto seen = std::async(std::launch::async, [&] { return entry("a"); });
    const bool is_read = seen.wait_for(std::chrono::seconds(10)) == std::future_status::ready;
    leave.set_value();
    EXPECT_TRUE(is_read) << broken("read: never waits for writers");
    if (is_read) {
        EXPECT_EQ(seen.get(), "old") << broken("read: does not see what is not committed");
    }
    written.get();
    EXPECT_EQ(entry("a"), "new") << broken("submit: changes become visible together when it is done");
}

TEST_F(Transactions, ASnapshotStaysAsItWasWhenItBegan) {
    const auto object = [](int version) { return receiver_object(object_key("a"), ObjectStatus::CompletelyReceived, version); };
    write([&](WriteTransaction& t) { t.put_object(object(1)); });
    std::future<void> written;
    store().read([&](ReadTransaction& t) {
        EXPECT_EQ(t.object(object_key("a")).value().meta.instance_id, 1);
        written = std::async(std::launch::async, [&] {
            write([&](WriteTransaction& w) {
                w.put_object(object(2));
                w.put_object(receiver_object(object_key("b"), ObjectStatus::CompletelyReceived, 2));
            });
        });
        // A store may make this writer wait for the reader, so that it need not end in here.
        written.wait_for(std::chrono::milliseconds(300));
        const auto rule = broken("read: a consistent snapshot; later commits do not show in it");
        EXPECT_EQ(t.object(object_key("a")).value().meta.instance_id, 1) << rule;
        EXPECT_EQ(names_of(t.objects("org", "", "", 10).items), Names{"a"}) << rule;
        EXPECT_EQ(names_of(t.updated_objects("org", "type", false, "", 10).items), Names{"a"}) << rule;
        EXPECT_FALSE(t.object(object_key("b"))) << rule;
    });
    written.get();
    EXPECT_EQ(names_of(get([](ReadTransaction& t) { return t.objects("org", "", "", 10); }).items), (Names{"a", "b"}))
        << broken("read: the next snapshot has what was committed");
}

TEST_F(Transactions, ReadersSeeAConsistentStateUnderConcurrentWriters) {
    constexpr int kObjects = 20;
    constexpr int kVersions = 60;
    const auto put_version = [](WriteTransaction& t, int version) {
        for (int i = 0; i < kObjects; ++i) {
            t.put_object(receiver_object(object_key(std::to_string(i)), ObjectStatus::CompletelyReceived, version));
            t.put_delivery(delivery(object_key("d"), node_key(std::to_string(i)), static_cast<DeliveryStatus>(version % 6)));
        }
        t.put_entry(kTable, {"version"}, std::to_string(version));
    };
    write([&](WriteTransaction& t) { put_version(t, 0); });
    std::atomic<bool> is_over = false;
    std::vector<std::future<int>> readers;
    for (int r = 0; r < 4; ++r) {
        readers.push_back(std::async(std::launch::async, [&] {
            int mixed = 0;
            while (!is_over) {
                store().read([&](ReadTransaction& t) {
                    const int version = std::stoi(t.entry(kTable, {"version"}).value_or("-1"));
                    const auto listed = t.updated_objects("org", "type", false, "", 100).items;
                    const auto counts = t.delivery_counts(object_key("d"));
                    const bool is_whole = listed.size() == kObjects && counts[static_cast<std::size_t>(version % 6)] == kObjects;
                    const bool is_same =
                        std::all_of(listed.begin(), listed.end(), [&](const auto& o) { return o.meta.instance_id == version; });
                    const auto one = t.object(object_key("7"));
                    if (!is_whole || !is_same || !one || one->meta.instance_id != version) ++mixed;
                });
            }
            return mixed;
        }));
    }
    for (int version = 1; version <= kVersions; ++version) write([&](WriteTransaction& t) { put_version(t, version); });
    is_over = true;
    for (auto& reader : readers) {
        EXPECT_EQ(reader.get(), 0) << broken("read: all records of a snapshot are of the same commit, whatever is written meanwhile");
    }
}

TEST_F(Transactions, WipingLeavesAnEmptyStoreThatWorks) {
    const BlobId blob = store().blobs().new_id();
    write([&](WriteTransaction& t) {
        t.put_object(sender_object(object_key("victim")));
        t.put_small_data(blob_record(blob, BlobState::Staged, 3), octets(1, 3));
        t.put_entry(kTable, {"other"}, "v");
        change_everything(t, BlobId{});
    });
    store().wipe();
    const auto rule = broken("wipe: removes everything");
    store().read([&](ReadTransaction& t) {
        EXPECT_TRUE(t.objects("", "", "", 10).items.empty()) << rule;
        EXPECT_TRUE(t.deliveries(object_key("victim"), "", 10).items.empty()) << rule;
        EXPECT_TRUE(t.notifications_of_peer(node_key("n"), "", 10).items.empty()) << rule;
        EXPECT_TRUE(t.destinations("org", "", "", 10).items.empty()) << rule;
        EXPECT_TRUE(t.entries(kTable, {}, "", 10).items.empty()) << rule;
        EXPECT_TRUE(t.staged_blobs(at(100), 10).empty()) << rule;
        EXPECT_FALSE(t.open_blob(blob)) << rule;
        EXPECT_EQ(t.count_work() + t.count_destinations() + t.count_own_objects() + t.count_consumed_objects(), 0U) << rule;
    });
    write([](WriteTransaction& t) { t.put_entry(kTable, {"a"}, "1"); });
    EXPECT_EQ(entry("a"), "1") << broken("wipe: the store goes on working");
}

TEST_F(Transactions, AHealthyStoreSaysSo) {
    EXPECT_TRUE(store().health().is_connected) << broken("health: an open store is connected");
    EXPECT_EQ(store().health().problem, "") << broken("health: no problem when well");
    EXPECT_GE(store().traits().inline_limit, 0) << broken("traits: inline_limit is a size");
}

}  // namespace
}  // namespace edgesync::conformance
