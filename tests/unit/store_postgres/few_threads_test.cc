// A system that has fewer threads than the store wants. Runs inside tests/with-postgres.
#include "tests/unit/store_postgres/instance.h"
#include "tests/unit/thread_limit.h"

namespace edgesync::postgres {
namespace {

TEST(FewThreads, DoTheWorkOfMany) {
    if (!ThreadLimit::works()) GTEST_SKIP() << "not beside a sanitizer";
    // What the store has besides those that write: who hears others and who keeps the house.
    const ThreadLimit limit(3);
    Instance instance(database_settings(schema_of_test()));
    EXPECT_GT(ThreadLimit::count(), 0);
    for (const char* name : {"a", "b"}) {
        instance.change([&](WriteTransaction& txn, rules::Effects&) { txn.put_entry(EntryTable::Setting, {name}, name); });
    }
    std::optional<std::string> found;
    instance.store().read([&](ReadTransaction& txn) { found = txn.entry(EntryTable::Setting, {"b"}); });
    EXPECT_EQ(found, "b");
}

TEST(FewThreads, ThatLeaveNoneToWriteAreSaidInsteadOfAStart) {
    if (!ThreadLimit::works()) GTEST_SKIP() << "not beside a sanitizer";
    for (const int threads : {0, 1, 2}) {
        const ThreadLimit limit(threads);
        EXPECT_THROW(Instance(database_settings(schema_of_test())), std::exception) << threads;
    }
}

}  // namespace
}  // namespace edgesync::postgres
