// Write functions that wait together share a transaction, and nothing of that may be seen but the speed.
#include <condition_variable>
#include <future>
#include <mutex>

#include "edgesync/sdk/error.h"
#include "tests/unit/store_postgres/hold.h"
#include "tests/unit/store_postgres/instance.h"

namespace edgesync::postgres {
namespace {

using std::chrono::seconds;

class Groups : public ::testing::Test {
protected:
    using Function = std::function<void(WriteTransaction&)>;

    /// Of each function the failure, in their order; they wait together until all are submitted.
    std::vector<std::future<void>> submit_together(const std::vector<Function>& functions) {
        std::vector<std::future<void>> ends;
        const Hold hold(here_.store());
        for (const auto& f : functions) ends.push_back(submit(f));
        return ends;
    }
    std::future<void> submit(const Function& f) {
        auto end = std::make_shared<std::promise<void>>();
        auto future = end->get_future();
        here_.store().submit(f, [end](const std::exception_ptr& failure) {
            if (failure) {
                end->set_exception(failure);
            } else {
                end->set_value();
            }
        });
        return future;
    }
    static bool is_over(std::future<void>& end) { return end.wait_for(seconds(20)) == std::future_status::ready; }

    static Function put_entry(const std::string& name) {
        return [name](WriteTransaction& txn) { txn.put_entry(EntryTable::Setting, {name}, name); };
    }
    static Function decrement(const ObjectKey& key, int& seen) {
        return [key, &seen](WriteTransaction& txn) {
            Prefetch names;
            names.objects.push_back(key);
            txn.prefetch(names);
            auto object = txn.object(key);
            seen = --object->remaining_consumers;
            txn.put_object(*object);
        };
    }
    void put(const ObjectKey& key, int consumers) {
        ObjectRecord record;
        record.meta.org = key.org;
        record.meta.object_type = key.type;
        record.meta.object_id = key.id;
        record.remaining_consumers = consumers;
        here_.change([&](WriteTransaction& txn, rules::Effects&) { txn.put_object(record); });
    }
    std::optional<std::string> entry(const std::string& name) {
        std::optional<std::string> found;
        here_.store().read([&](ReadTransaction& txn) { found = txn.entry(EntryTable::Setting, {name}); });
        return found;
    }
    /// How many transactions have written the rows of the table.
    int transactions_of(const std::string& table) {
        return database_.run("SELECT count(DISTINCT xmin::text) FROM " + table)[0][0].as<int>();
    }

    void SetUp() override { database_.run("SET search_path TO " + schema_of_test()); }

    const ObjectKey kKey{"acme", "model", "m1"};
    const Given settings_ = database_settings(schema_of_test(), {{"PostgresPoolSize", "8"}});
    Instance here_{settings_};
    Connection database_{server_of_tests()};
};

TEST_F(Groups, WhatWaitsTogetherIsOneTransaction) {
    std::vector<Function> functions;
    for (int i = 0; i < 20; ++i) functions.push_back(put_entry("e" + std::to_string(i)));
    for (auto& end : submit_together(functions)) end.get();
    EXPECT_EQ(transactions_of("entry"), 1);
}

TEST_F(Groups, EachSeesWhatTheOnesBeforeItHaveChanged) {
    constexpr int kCount = 20;
    put(kKey, kCount);
    std::vector<int> seen(kCount, -1);
    std::vector<Function> functions;
    for (int& one : seen) functions.push_back(decrement(kKey, one));
    for (auto& end : submit_together(functions)) end.get();
    for (int i = 0; i < kCount; ++i) EXPECT_EQ(seen[static_cast<std::size_t>(i)], kCount - 1 - i);
    EXPECT_EQ(here_.object(kKey)->remaining_consumers, 0);
}

TEST_F(Groups, OneThatFailsBeforeItChangesAnythingCostsTheOthersNothing) {
    std::vector<Function> functions;
    for (int i = 0; i < 10; ++i) functions.push_back(put_entry("e" + std::to_string(i)));
    functions[3] = [](WriteTransaction&) { throw Error(ErrorKind::NotFound, "Object not found"); };
    auto ends = submit_together(functions);
    for (std::size_t i = 0; i < ends.size(); ++i) {
        if (i == 3) {
            EXPECT_THROW(ends[i].get(), Error);
        } else {
            EXPECT_NO_THROW(ends[i].get()) << i;
        }
    }
    EXPECT_EQ(transactions_of("entry"), 1);
}

TEST_F(Groups, OneThatFailsAfterItsChangesIsLeftOutAlone) {
    std::vector<Function> functions;
    for (int i = 0; i < 10; ++i) functions.push_back(put_entry("e" + std::to_string(i)));
    functions[3] = [](WriteTransaction& txn) {
        txn.put_entry(EntryTable::Setting, {"bad"}, "bad");
        throw Error(ErrorKind::InvalidRequest, "No");
    };
    auto ends = submit_together(functions);
    for (std::size_t i = 0; i < ends.size(); ++i) {
        if (i == 3) {
            EXPECT_THROW(ends[i].get(), Error);
        } else {
            EXPECT_NO_THROW(ends[i].get()) << i;
        }
    }
    EXPECT_EQ(entry("bad"), std::nullopt);
    for (const int i : {0, 2, 4, 9}) EXPECT_EQ(entry("e" + std::to_string(i)), "e" + std::to_string(i));
}

TEST_F(Groups, OneWhoseChangesTheDatabaseRefusesIsLeftOutAlone) {
    database_.run("ALTER TABLE entry ADD CHECK (position('\\x626164'::bytea IN record) = 0)");
    auto ends = submit_together({put_entry("good1"), put_entry("bad"), put_entry("good2")});
    EXPECT_NO_THROW(ends[0].get());
    EXPECT_THROW(ends[1].get(), Error);
    EXPECT_NO_THROW(ends[2].get());
    EXPECT_EQ(entry("good1"), "good1");
    EXPECT_EQ(entry("good2"), "good2");
    EXPECT_EQ(entry("bad"), std::nullopt);
}

TEST_F(Groups, OneThatLosesAgainstAnotherInstanceRunsAgain) {
    put(kKey, 10);
    Instance there(settings_);
    int here_seen = 0;
    bool has_interfered = false;
    const Function lost = [&](WriteTransaction& txn) {
        Prefetch names;
        names.objects.push_back(kKey);
        txn.prefetch(names);
        auto object = txn.object(kKey);
        if (!has_interfered) {
            has_interfered = true;
            int there_seen = 0;
            there.change([&](WriteTransaction& other, rules::Effects&) { decrement(kKey, there_seen)(other); });
        }
        here_seen = --object->remaining_consumers;
        txn.put_object(*object);
    };
    for (auto& end : submit_together({put_entry("e1"), lost, put_entry("e2")})) end.get();
    EXPECT_EQ(here_seen, 8);
    EXPECT_EQ(here_.object(kKey)->remaining_consumers, 8);
    EXPECT_EQ(entry("e1"), "e1");
    EXPECT_EQ(entry("e2"), "e2");
}

TEST_F(Groups, WhoWaitsForALockKeepsNobodyElseWaiting) {
    put(kKey, 10);
    database_.run("BEGIN");
    database_.run("SELECT FROM object FOR UPDATE");
    int seen = 0;
    auto ends = submit_together({put_entry("e1"), decrement(kKey, seen), put_entry("e2")});
    EXPECT_TRUE(is_over(ends[0]));
    EXPECT_TRUE(is_over(ends[2]));
    EXPECT_EQ(ends[1].wait_for(seconds(0)), std::future_status::timeout);
    database_.run("COMMIT");
    ASSERT_TRUE(is_over(ends[1]));
    EXPECT_NO_THROW(ends[1].get());
    EXPECT_EQ(seen, 9);
}

TEST_F(Groups, WhatBeginsWithAListRunsByItself) {
    const auto list = [](WriteTransaction& txn) {
        txn.entries(EntryTable::Setting, {}, "", 10);
        txn.put_entry(EntryTable::Setting, {"after-list"}, "");
    };
    for (auto& end : submit_together({put_entry("e1"), list, put_entry("e2")})) end.get();
    EXPECT_EQ(transactions_of("entry"), 2);
}

TEST_F(Groups, WhatIsTooMuchToWaitIsRefusedAndNothingElseIsLost) {
    constexpr std::size_t kMostWaiting = 10000;
    const Function nothing = [](WriteTransaction&) {};
    std::vector<std::future<void>> ends;
    std::optional<Error> refusal;
    {
        const Hold hold(here_.store());
        ends.push_back(submit(put_entry("first")));
        while (ends.size() < kMostWaiting - 1) ends.push_back(submit(nothing));
        ends.push_back(submit(put_entry("last")));
        try {
            submit(nothing);
        } catch (const Error& e) {
            refusal = e;
        }
    }
    ASSERT_TRUE(refusal);
    EXPECT_EQ(refusal->kind(), ErrorKind::Busy);
    EXPECT_STREQ(refusal->what(), "10000 transactions wait for the database already");
    for (auto& end : ends) ASSERT_NO_THROW(end.get());
    EXPECT_EQ(entry("first"), "first");
    EXPECT_EQ(entry("last"), "last");
    EXPECT_NO_THROW(submit(put_entry("later")).get());
}

TEST_F(Groups, MessagesToOtherInstancesKeepTheirOrder) {
    Instance there(settings_);
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<std::string> heard;
    there.store().listen([&](const std::optional<std::string>& message) {
        if (!message) return;
        const std::lock_guard lock(mutex);
        heard.push_back(*message);
        changed.notify_all();
    });
    std::vector<Function> functions;
    std::vector<std::string> said;
    for (int i = 0; i < 20; ++i) {
        said.push_back("m" + std::to_string(i));
        functions.push_back([message = said.back()](WriteTransaction& txn) { txn.broadcast(message); });
    }
    for (auto& end : submit_together(functions)) end.get();
    std::unique_lock lock(mutex);
    EXPECT_TRUE(changed.wait_for(lock, seconds(20), [&] { return heard.size() == said.size(); }));
    EXPECT_EQ(heard, said);
    lock.unlock();
    there.store().listen(nullptr);
}

}  // namespace
}  // namespace edgesync::postgres
