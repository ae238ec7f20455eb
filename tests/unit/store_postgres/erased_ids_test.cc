// An object that is gone and is published again by another instance has a higher id, whatever the clocks say. Inside tests/with-postgres.
#include "tests/unit/store_postgres/instance.h"

namespace edgesync::postgres {
namespace {

using namespace std::chrono_literals;

class ErasedIds : public ::testing::Test {
protected:
    using Begin = std::function<void(WriteTransaction&)>;

    void SetUp() override {
        if (!std::getenv("EDGESYNC_TEST_POSTGRES")) GTEST_SKIP() << "not inside tests/with-postgres";
        const auto settings = database_settings(schema_of_test());
        here_ = std::make_unique<Instance>(settings);
        there_ = std::make_unique<Instance>(settings);
    }
    /// By an instance whose ids run ahead of the clock, as they do after it went back. The id that it had.
    InstanceId publish_and_erase(std::chrono::nanoseconds ahead) {
        here_->publish(kKey);
        ObjectRecord object = *here_->object(kKey);
        here_->change([&](WriteTransaction& txn, rules::Effects&) {
            object.meta.instance_id = txn.next_instance_id(here_->store().now() + ahead, object.meta.instance_id);
            txn.put_object(object);
        });
        here_->change([&](WriteTransaction& txn, rules::Effects&) { txn.erase_object(kKey); });
        return object.meta.instance_id;
    }
    /// Again and again, for so long. The last id.
    InstanceId publish_and_erase_there(std::chrono::nanoseconds duration) {
        InstanceId last = 0;
        for (const auto began = std::chrono::steady_clock::now(); std::chrono::steady_clock::now() < began + duration;) {
            there_->publish(kKey);
            last = there_->object(kKey)->meta.instance_id;
            there_->change([&](WriteTransaction& txn, rules::Effects&) { txn.erase_object(kKey); });
        }
        return last;
    }
    ObjectRecord object_of_test() const {
        ObjectRecord record;
        record.meta.org = kKey.org;
        record.meta.object_type = kKey.type;
        record.meta.object_id = kKey.id;
        return record;
    }
    static Rows run(const std::string& sql) {
        Connection connection(server_of_tests());
        return connection.run("SET search_path TO " + schema_of_test() + "; " + sql);
    }
    static void forget() { run("DELETE FROM erased"); }
    static std::string kept() { return run("SELECT count(*) FROM erased")[0][0].c_str(); }

    const ObjectKey kKey{"acme", "model", "m1"};
    std::unique_ptr<Instance> here_;
    std::unique_ptr<Instance> there_;
};

TEST_F(ErasedIds, AreBelowThoseOfTheSameObjectPublishedElsewhere) {
    for (const auto ahead : std::vector<std::chrono::nanoseconds>{0s, 900ms, 1h}) {
        const InstanceId former = publish_and_erase(ahead);
        there_->publish(kKey);
        EXPECT_GT(there_->object(kKey)->meta.instance_id, former) << ahead.count();
        there_->change([&](WriteTransaction& txn, rules::Effects&) { txn.erase_object(kKey); });
    }
}

// Neither the object nor its end is in the snapshot of the transaction that publishes it, too.
TEST_F(ErasedIds, AreBelowThoseOfATransactionThatBeganBefore) {
    const auto ask_what_groups_ask = [this](WriteTransaction& txn) {
        Prefetch names;
        names.objects.push_back(kKey);
        txn.prefetch(names);
    };
    // What begins with a list is no part of a group.
    const auto ask_for_a_list = [](WriteTransaction& txn) { txn.entries(EntryTable::Setting, {}, "", 10); };
    for (const Begin& begin : {Begin(ask_what_groups_ask), Begin(ask_for_a_list)}) {
        InstanceId former = 0;
        const TimePoint now = here_->store().now();
        here_->change([&](WriteTransaction& txn, rules::Effects&) {
            begin(txn);
            ASSERT_FALSE(txn.object(kKey));
            if (former == 0) former = publish_and_erase_there(20ms);
            ObjectRecord object = object_of_test();
            object.meta.instance_id = txn.next_instance_id(now, 0);
            txn.put_object(object);
        });
        EXPECT_GT(here_->object(kKey)->meta.instance_id, former);
        here_->change([&](WriteTransaction& txn, rules::Effects&) { txn.erase_object(kKey); });
        forget();
    }
}

TEST_F(ErasedIds, AreNothingToAnObjectOfANode) {
    publish_and_erase(1h);
    there_->await(kKey, {"acme", "camera", "cam1"}, 77, 10);
    EXPECT_EQ(there_->object(kKey)->meta.instance_id, 77);
    there_->change([&](WriteTransaction& txn, rules::Effects&) { txn.erase_object(kKey); });
    EXPECT_EQ(kept(), "1") << "that of the object which this side had";
}

TEST_F(ErasedIds, AreKeptOnlyAsLongAsTheClockHasNotPassedThem) {
    here_->publish(kKey);
    forget();  // It is there if the publish was slow.
    ObjectRecord object = *here_->object(kKey);
    object.meta.instance_id = 5;
    here_->change([&](WriteTransaction& txn, rules::Effects&) { txn.put_object(object); });
    here_->change([&](WriteTransaction& txn, rules::Effects&) { txn.erase_object(kKey); });
    EXPECT_EQ(kept(), "0");
    publish_and_erase(0s);
    EXPECT_EQ(kept(), "1");
}

// An instance whose clock goes back may go on below it.
TEST_F(ErasedIds, AreKeptAsLongAsNothingWasIssuedSince) {
    here_->publish(kKey);
    ObjectRecord object = *here_->object(kKey);
    object.meta.instance_id = 95'000'000'000;
    here_->change([&](WriteTransaction& txn, rules::Effects&) { txn.put_object(object); });
    run("UPDATE issued SET last = 100000000000");
    here_->change([&](WriteTransaction& txn, rules::Effects&) { txn.erase_object(kKey); });
    EXPECT_EQ(kept(), "1");
}

}  // namespace
}  // namespace edgesync::postgres
