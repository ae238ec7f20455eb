// What is told of a transaction's end may fail; the store goes on.
#include <gmock/gmock.h>

#include <future>
#include <stdexcept>

#include "plugins/store-lmdb/lmdb_store.h"
#include "tests/unit/security/fake_settings.h"
#include "tests/unit/temporary_folder.h"

namespace edgesync::lmdb {
namespace {

TEST(Completion, ThatThrowsKeepsNobodyElseFromTheirs) {
    const TemporaryFolder folder;
    fakes::FakeSettings settings;
    settings.root = folder.root();
    settings.values = {{"LmdbMapSizeMB", "8"}, {"LmdbMaxMapSizeMB", "64"}, {"LmdbLogSizeMB", "1"}};
    fakes::CollectingLog log;
    LmdbStore store;
    store.configure(settings, log);
    store.open();
    const auto put = [](WriteTransaction& txn) { txn.put_entry(EntryTable::Organization, {"acme"}, "x"); };
    std::promise<std::exception_ptr> done;
    store.submit(put, [](const std::exception_ptr&) { throw std::runtime_error("no more threads"); });
    store.submit(put, [](const std::exception_ptr&) { throw 42; });
    store.submit(put, [&done](const std::exception_ptr& problem) { done.set_value(problem); });
    EXPECT_EQ(done.get_future().get(), nullptr);
    store.close();
    EXPECT_THAT(log.lines,
                testing::ElementsAre("the completion of a transaction threw: no more threads", "the completion of a transaction threw"));
}

}  // namespace
}  // namespace edgesync::lmdb
