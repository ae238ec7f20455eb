// An object that is gone and is published again by another instance has a higher id, whatever the clocks say. Inside tests/with-postgres.
#include "tests/unit/store_postgres/instance.h"

namespace edgesync::postgres {
namespace {

using namespace std::chrono_literals;

class ErasedIds : public ::testing::Test {
protected:
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
    static Rows run(const std::string& sql) {
        Connection connection(server_of_tests());
        return connection.run("SET search_path TO " + schema_of_test() + "; " + sql);
    }
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

TEST_F(ErasedIds, AreNothingToAnObjectOfANode) {
    publish_and_erase(1h);
    there_->await(kKey, {"acme", "camera", "cam1"}, 77, 10);
    EXPECT_EQ(there_->object(kKey)->meta.instance_id, 77);
    there_->change([&](WriteTransaction& txn, rules::Effects&) { txn.erase_object(kKey); });
    EXPECT_EQ(kept(), "1") << "that of the object which this side had";
}

TEST_F(ErasedIds, AreKeptOnlyAsLongAsTheClockHasNotPassedThem) {
    here_->publish(kKey);
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
