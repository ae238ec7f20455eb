// LmdbSync: the store works in every mode, and says when it may lose what it acknowledged.
#include <gmock/gmock.h>

#include <future>

#include "edgesync/sdk/error.h"
#include "plugins/store-lmdb/lmdb_store.h"
#include "tests/unit/security/fake_settings.h"
#include "tests/unit/temporary_folder.h"

namespace edgesync::lmdb {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

struct Mode {
    const char* value;
    bool is_warned;
};

class SyncModes : public testing::TestWithParam<Mode> {
protected:
    std::unique_ptr<LmdbStore> configured() {
        fakes::FakeSettings settings;
        settings.root = folder_.root();
        settings.values = {{"LmdbSync", GetParam().value}, {"LmdbMapSizeMB", "8"}, {"LmdbMaxMapSizeMB", "64"}, {"LmdbLogSizeMB", "1"}};
        auto store = std::make_unique<LmdbStore>();
        store->configure(settings, log_);
        return store;
    }
    static void put(LmdbStore& store, const std::string& name, const std::string& value) {
        std::promise<std::exception_ptr> done;
        store.submit([&](WriteTransaction& txn) { txn.put_entry(EntryTable::Organization, {name}, value); },
                     [&done](const std::exception_ptr& problem) { done.set_value(problem); });
        EXPECT_EQ(done.get_future().get(), nullptr);
    }
    static std::optional<std::string> get(LmdbStore& store, const std::string& name) {
        std::optional<std::string> found;
        store.read([&](ReadTransaction& txn) { found = txn.entry(EntryTable::Organization, {name}); });
        return found;
    }

    TemporaryFolder folder_;
    fakes::CollectingLog log_;
};

TEST_P(SyncModes, KeepWhatWasStoredOverARestartAndWarnIfAPowerCutMayNot) {
    for (int run = 0; run < 3; ++run) {
        const auto store = configured();
        store->open();
        for (int before = 0; before < run; ++before) EXPECT_EQ(get(*store, std::to_string(before)), std::string(1000, 'a')) << before;
        put(*store, std::to_string(run), std::string(1000, 'a'));
        EXPECT_EQ(get(*store, std::to_string(run)), std::string(1000, 'a'));
        store->close();
    }
    std::vector<std::string> warnings;
    for (const auto& line : log_.lines) {
        if (line.find("LmdbSync") != std::string::npos) warnings.push_back(line);
    }
    if (!GetParam().is_warned) {
        EXPECT_THAT(warnings, IsEmpty());
        return;
    }
    ASSERT_EQ(warnings.size(), 3U) << "one per start";
    EXPECT_THAT(warnings.front(), HasSubstr(std::string("'") + GetParam().value + "': power loss may take back what was acknowledged"));
}

INSTANTIATE_TEST_SUITE_P(All, SyncModes, testing::Values(Mode{"full", false}, Mode{"", false}, Mode{"meta", true}, Mode{"none", true}),
                         [](const auto& tested) { return std::string(*tested.param.value == 0 ? "byDefault" : tested.param.value); });

TEST(SyncMode, ThatIsUnknownIsRefused) {
    fakes::FakeSettings settings;
    settings.values = {{"LmdbSync", "often"}};
    fakes::CollectingLog log;
    LmdbStore store;
    EXPECT_THROW(store.configure(settings, log), Error);
}

}  // namespace
}  // namespace edgesync::lmdb
