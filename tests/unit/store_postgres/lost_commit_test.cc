// A connection that is lost exactly when a group commits: nobody can know whether it did, everybody is told so, once, and nothing is
// done twice. Runs inside tests/with-postgres.
#include <atomic>
#include <future>

#include "edgesync/sdk/error.h"
#include "tests/unit/store_postgres/commit_cutter.h"
#include "tests/unit/store_postgres/hold.h"
#include "tests/unit/store_postgres/instance.h"
#include "tests/unit/temporary_folder.h"

namespace edgesync::postgres {
namespace {

using Moment = CommitCutter::Moment;

struct Outcome {
    std::atomic<int> calls{0};
    std::exception_ptr failure;
    std::promise<void> end;
};

class LostCommit : public ::testing::TestWithParam<Moment> {
protected:
    static constexpr int kMembers = 3;

    static ObjectRecord object(int consumers) {
        ObjectRecord record;
        record.meta.org = "acme";
        record.meta.object_type = "model";
        record.meta.object_id = "m1";
        record.remaining_consumers = consumers;
        return record;
    }
    static void decrement(WriteTransaction& txn) {
        Prefetch names;
        names.objects.push_back(object(0).key());
        txn.prefetch(names);
        auto record = txn.object(object(0).key());
        --record->remaining_consumers;
        txn.put_object(*record);
    }
    static bool is_not_connected(const std::exception_ptr& failure) {
        try {
            if (failure) std::rethrow_exception(failure);
        } catch (const Error& e) {
            return e.kind() == ErrorKind::NotConnected;
        }
        return false;
    }

    const TemporaryFolder folder_;
    CommitCutter cutter_{folder_.path(), database_settings("").at("PostgresAddressCsv")};
    Outcome outcomes_[kMembers];
    Instance here_{database_settings(schema_of_test(), {{"PostgresPoolSize", "8"}, {"PostgresAddressCsv", cutter_.address()}})};
};

TEST_P(LostCommit, IsInDoubtForEveryMemberOnceAndNothingIsDoneTwice) {
    here_.change([](WriteTransaction& txn, rules::Effects&) { txn.put_object(object(10)); });
    cutter_.cut_once("put_object", GetParam());
    {
        const Hold hold(here_.store());
        for (Outcome& outcome : outcomes_) {
            here_.store().submit(decrement, [&outcome](const std::exception_ptr& failure) {
                outcome.failure = failure;
                if (++outcome.calls == 1) outcome.end.set_value();
            });
        }
    }
    for (Outcome& outcome : outcomes_) ASSERT_EQ(outcome.end.get_future().wait_for(std::chrono::seconds(30)), std::future_status::ready);
    EXPECT_EQ(cutter_.cuts(), 1);
    for (const Outcome& outcome : outcomes_) EXPECT_TRUE(is_not_connected(outcome.failure));
    EXPECT_EQ(here_.object(object(0).key())->remaining_consumers, GetParam() == Moment::AfterCommit ? 10 - kMembers : 10);

    here_.change([](WriteTransaction& txn, rules::Effects&) { decrement(txn); });
    here_.store().close();  // Whatever still waited would have run.
    for (const Outcome& outcome : outcomes_) EXPECT_EQ(outcome.calls, 1);
    Instance there(database_settings(schema_of_test()));
    EXPECT_EQ(there.object(object(0).key())->remaining_consumers, GetParam() == Moment::AfterCommit ? 9 - kMembers : 9);
}

INSTANTIATE_TEST_SUITE_P(Moments, LostCommit, ::testing::Values(Moment::BeforeCommit, Moment::AfterCommit), [](const auto& moment) {
    return moment.param == Moment::BeforeCommit ? "TheServerDidNotGetIt" : "TheServerHasDoneIt";
});

}  // namespace
}  // namespace edgesync::postgres
