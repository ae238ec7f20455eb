// What the disk may hold after a power cut: the log up to the last answer, because each append is synced, and of the database's pages
// any mixture of the versions that were written since the last checkpoint.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <future>
#include <map>
#include <random>
#include <sstream>
#include <thread>

#include "edgesync/sdk/error.h"
#include "plugins/store-lmdb/group_commit.h"
#include "plugins/store-lmdb/journal.h"
#include "plugins/store-lmdb/read_transaction.h"
#include "tests/unit/security/fake_settings.h"
#include "tests/unit/temporary_folder.h"

namespace edgesync::lmdb {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kSegment = 64 * 1024;
using Content = std::map<std::string, std::string>;

std::string read_file(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
}

void write_file(const std::filesystem::path& file, const std::string& octets) { std::ofstream(file, std::ios::binary) << octets; }

/// An environment with its journal, and one table in use.
class Database {
public:
    explicit Database(const std::filesystem::path& folder, SyncMode sync = SyncMode::Full, std::size_t largest_map = 64 << 20U)
        : environment_({folder, std::min<std::size_t>(4 << 20U, largest_map), largest_map, sync}), journal_(environment_, kSegment) {
        environment_.claim();
        journal_.restore();
        environment_.open();
        journal_.begin(sync == SyncMode::Full);
    }

    void change(const Content& puts, const std::vector<std::string>& erased) {
        for (;;) {
            MDB_txn* txn = environment_.begin_write();
            ChangeList changes;
            try {
                for (const auto& [key, value] : puts) changes.put(Table::Entry, key, value);
                for (const auto& key : erased) changes.erase(Table::Entry, key);
                ChangeList::apply(changes.octets(), environment_, txn);
            } catch (const MapFull&) {
                mdb_txn_abort(txn);
                make_room();
                continue;
            }
            try {
                journal_.log(changes);
                return journal_.commit(txn);
            } catch (const MapFull&) {
                make_room();
            }
        }
    }
    Content content() {
        Content found;
        environment_.read([&](MDB_txn* txn) {
            MDB_cursor* cursor = nullptr;
            check(mdb_cursor_open(txn, environment_.dbi(Table::Entry), &cursor), "reading");
            MDB_val key{};
            MDB_val value{};
            while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == MDB_SUCCESS) {
                found.emplace(std::string(static_cast<char*>(key.mv_data), key.mv_size),
                              std::string(static_cast<char*>(value.mv_data), value.mv_size));
            }
            mdb_cursor_close(cursor);
        });
        return found;
    }
    /// As the store's writer does it.
    void make_room() { journal_.make_room(); }
    std::uint64_t last_transaction() const { return environment_.last_transaction(); }
    Journal& journal() { return journal_; }

private:
    Environment environment_;
    Journal journal_;
};

/// An environment with the store's writer, which answers groups before it commits them.
class Writer {
public:
    explicit Writer(const std::filesystem::path& folder)
        : environment_({folder, kMap, kMap, SyncMode::Full}), journal_(environment_, kSegment), files_(folder / "blobs"),
          commits_(environment_, files_, &journal_, log_) {
        environment_.claim();
        journal_.restore();
        environment_.open();
        journal_.begin(true);
        commits_.start();
    }
    ~Writer() { commits_.stop(); }

    void change(const Content& puts, const std::vector<std::string>& erased) {
        EXPECT_EQ(run([&](WriteTransaction& txn) {
                      for (const auto& [key, value] : puts) txn.put_entry(kTable, {key}, value);
                      for (const auto& key : erased) txn.erase_entry(kTable, {key});
                  }),
                  nullptr);
    }
    void change_and_fail() {
        EXPECT_NE(run([](WriteTransaction& txn) {
                      txn.put_entry(kTable, {"never"}, "seen");
                      throw Error(ErrorKind::InvalidRequest, "no");
                  }),
                  nullptr);
    }
    /// What a reader sees, list and single entries.
    Content content() {
        Content found;
        const auto pending = commits_.pending();
        environment_.read([&](MDB_txn* txn) {
            const bool is_above = pending->transaction == mdb_txn_id(txn);
            Reads<ReadTransaction> reads(environment_, files_, txn, is_above ? pending.get() : nullptr);
            std::string cursor;
            do {
                const auto page = reads.entries(kTable, {}, cursor, 7);
                for (const auto& entry : page.items) {
                    found[entry.key[0]] = entry.value;
                    EXPECT_EQ(reads.entry(kTable, entry.key), entry.value);
                }
                cursor = page.next;
            } while (!cursor.empty());
            EXPECT_EQ(reads.entry(kTable, {"never"}), std::nullopt);
        });
        return found;
    }
    std::uint64_t last_transaction() const { return environment_.last_transaction(); }

    /// What the tables hold of a content.
    static Content stored(const Content& content) {
        Content stored;
        for (const auto& [key, value] : content) stored[entry_key(kTable, {key})] = entry_value({key}, value);
        return stored;
    }

private:
    static constexpr std::size_t kMap = 16 << 20U;
    static constexpr EntryTable kTable = EntryTable::Organization;

    std::exception_ptr run(const std::function<void(WriteTransaction&)>& function) {
        std::promise<std::exception_ptr> done;
        commits_.submit(function, [&done](const std::exception_ptr& problem) { done.set_value(problem); });
        return done.get_future().get();
    }

    fakes::CollectingLog log_;
    Environment environment_;
    Journal journal_;
    BlobFiles files_;
    GroupCommit commits_;
};

class PowerCut : public testing::Test {
protected:
    PowerCut() { std::filesystem::create_directory(store_); }

    /// A folder with a mixture of the versions of each page from that of `first` to that of `last`.
    std::filesystem::path cut(const std::vector<std::string>& versions, std::size_t first, std::size_t last, const std::string& log) {
        const std::filesystem::path folder = folder_.path() / ("cut" + std::to_string(cuts_++));
        std::filesystem::create_directory(folder);
        std::string pages = versions[first];
        const std::string& newest = versions[last];
        pages.resize(newest.size());
        for (std::size_t at = 0; at < newest.size(); at += kPage) {
            const std::string& chosen = versions[std::uniform_int_distribution<std::size_t>(first, last)(chance_)];
            if (at + kPage <= chosen.size()) pages.replace(at, kPage, chosen, at, kPage);
        }
        write_file(folder / "data.mdb", pages);
        write_file(folder / "commit.log", log);
        return folder;
    }
    std::string text(std::size_t largest) {
        return std::string(std::uniform_int_distribution<std::size_t>(1, largest)(chance_),
                           static_cast<char>('a' + static_cast<char>(chance_() % 26)));
    }
    /// Changes some keys, mostly with small values, sometimes with one that is larger than a segment of the log.
    template <typename Changed>
    void change(Changed& database, Content& model, std::size_t largest = 9000) {
        Content puts;
        std::vector<std::string> erased;
        for (int i = 0; i < 5; ++i)
            puts["key" + std::to_string(chance_() % 100)] = text(i == 0 ? largest : std::min(largest, std::size_t{300}));
        if (chance_() % 40 == 0) puts["large"] = text(3 * kSegment);
        for (int i = 0; i < 2; ++i) {
            const std::string key = "key" + std::to_string(chance_() % 100);
            if (!puts.contains(key) && model.contains(key)) erased.push_back(key);
        }
        database.change(puts, erased);
        for (const auto& [key, value] : puts) model[key] = value;
        for (const auto& key : erased) model.erase(key);
    }

    TemporaryFolder folder_;
    const std::filesystem::path store_ = folder_.path() / "store";
    std::mt19937 chance_{20261124};
    int cuts_ = 0;
};

TEST_F(PowerCut, TakesBackNothingThatWasAnswered) {
    Database database(store_);
    std::vector<std::string> versions;                   // Of the database's file, one per commit.
    std::map<std::uint64_t, std::size_t> version_after;  // By transaction.
    Content model;
    const auto keep = [&] {
        version_after[database.last_transaction()] = versions.size();
        versions.push_back(read_file(store_ / "data.mdb"));
    };
    keep();
    for (int step = 0; step < 150; ++step) {
        change(database, model);
        keep();
        if (step % 5 != 0) continue;
        const std::string log = read_file(store_ / "commit.log");
        write_file(folder_.path() / "log", log);
        CommitLog copy(folder_.path() / "log");
        copy.open();
        ASSERT_TRUE(version_after.contains(copy.checkpoint().transaction));
        const auto folder = cut(versions, version_after[copy.checkpoint().transaction], versions.size() - 1, log);
        {
            Database after(folder);
            ASSERT_EQ(after.content(), model) << "step " << step;
            after.change({{"more", "1"}}, {});
        }
        EXPECT_EQ(Database(folder).content().size(), model.size() + 1) << "it goes on, and closes, as any other";
        std::filesystem::remove_all(folder);
    }
}

TEST_F(PowerCut, TakesBackNothingThatWasAnsweredBeforeItsCommit) {
    Writer writer(store_);
    std::vector<std::string> versions;
    std::map<std::uint64_t, std::size_t> version_after;
    Content model;
    int uncommitted = 0;
    for (int step = 0; step < 400; ++step) {
        const std::uint64_t before = writer.last_transaction();
        // A function that fails takes its changes back, not those that were answered.
        step % 7 == 3 ? writer.change_and_fail() : change(writer, model, step % 11 == 0 ? 9000 : 60);
        ASSERT_EQ(writer.content(), model) << "step " << step;
        if (writer.last_transaction() == before) ++uncommitted;
        version_after[writer.last_transaction()] = versions.size();
        versions.push_back(read_file(store_ / "data.mdb"));
        if (step % 5 != 0) continue;
        const std::string log = read_file(store_ / "commit.log");
        write_file(folder_.path() / "log", log);
        CommitLog copy(folder_.path() / "log");
        copy.open();
        // The writer commits while this looks, so the checkpoint may be of a state that was not kept, but a later one was; or of one that
        // is later than all.
        const auto first = version_after.lower_bound(copy.checkpoint().transaction);
        if (first == version_after.end()) versions.push_back(read_file(store_ / "data.mdb"));
        const auto folder = cut(versions, first == version_after.end() ? versions.size() - 1 : first->second, versions.size() - 1, log);
        EXPECT_EQ(Database(folder).content(), Writer::stored(model)) << "step " << step;
        std::filesystem::remove_all(folder);
    }
    EXPECT_GT(uncommitted, 100) << "most groups are answered before they are committed";
}

TEST_F(PowerCut, AStoreThatEndsInOrderHasAllInItsDatabase) {
    Content model;
    {
        Writer writer(store_);
        for (int step = 0; step < 3; ++step) change(writer, model, 60);
    }
    std::filesystem::remove(store_ / "commit.log");
    EXPECT_EQ(Database(store_).content(), Writer::stored(model));
}

TEST_F(PowerCut, DuringRecoveryIsRecoveredFrom) {
    Content model;
    std::vector<std::string> versions;
    std::string log;
    {
        Database database(store_);
        database.journal().checkpoint();
        versions.push_back(read_file(store_ / "data.mdb"));
        for (int step = 0; step < 3; ++step) change(database, model);
        versions.push_back(read_file(store_ / "data.mdb"));
        log = read_file(store_ / "commit.log");
    }
    const auto folder = cut(versions, 0, 1, log);
    const std::string before = read_file(folder / "data.mdb");
    std::string during;
    {
        Database database(folder);
        during = read_file(folder / "data.mdb");
    }
    // The recovery wrote pages, but not yet the log's header.
    for (int i = 0; i < 20; ++i) {
        const auto again = cut({before, during}, 0, 1, log);
        EXPECT_EQ(Database(again).content(), model);
    }
}

TEST_F(PowerCut, ACleanlyClosedStoreNeedsNoLog) {
    Content model;
    {
        Database database(store_);
        for (int step = 0; step < 10; ++step) change(database, model);
    }
    std::filesystem::remove(store_ / "commit.log");
    EXPECT_EQ(Database(store_).content(), model);
}

TEST_F(PowerCut, ALogIsDoneAgainAlsoWhenItIsUsedNoLonger) {
    Content model;
    std::vector<std::string> versions;
    std::string log;
    {
        Database database(store_);
        database.journal().checkpoint();
        versions.push_back(read_file(store_ / "data.mdb"));
        for (int step = 0; step < 3; ++step) change(database, model);
        log = read_file(store_ / "commit.log");
    }
    const auto folder = cut(versions, 0, 0, log);
    EXPECT_EQ(Database(folder, SyncMode::Meta).content(), model);
    EXPECT_FALSE(std::filesystem::exists(folder / "commit.log"));
}

TEST_F(PowerCut, TheLogOfAnotherDatabaseIsRefused) {
    Content model;
    std::string old;
    std::string log;
    {
        Database database(store_);
        old = read_file(store_ / "data.mdb");
        for (int step = 0; step < 10; ++step) change(database, model);
        database.journal().checkpoint();
        log = read_file(store_ / "commit.log");
    }
    write_file(store_ / "data.mdb", old);
    write_file(store_ / "commit.log", log);
    try {
        Database database(store_);
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::Corrupt);
        EXPECT_NE(std::string(error.what()).find("does not belong to the database"), std::string::npos) << error.what();
    }
}

TEST_F(PowerCut, TheMapGrowsWithTheLogInUse) {
    Content model;
    {
        Database database(store_);
        for (int i = 0; i < 300; ++i) {
            const std::string key = "big" + std::to_string(i);
            model[key] = std::string(40000, 'b');
            database.change({{key, model[key]}}, {});
        }
        EXPECT_EQ(database.content(), model);
    }
    EXPECT_EQ(Database(store_).content(), model);
}

TEST_F(PowerCut, AFullStoreHasRoomToEraseAfterIt) {
    constexpr std::size_t kSmallMap = 1 << 20U;
    std::string name;
    std::vector<std::pair<std::string, std::string>> states;
    {
        Database database(store_, SyncMode::Full, kSmallMap);
        EXPECT_THROW(
            for (int i = 0; i < 2000; ++i) {
                name = "key" + std::to_string(i);
                database.change({{name, std::string(3000, 'x')}}, {});
                states.emplace_back(read_file(store_ / "data.mdb"), read_file(store_ / "commit.log"));
                if (states.size() > 7) states.erase(states.begin());
            },
            Error);
        states.emplace_back(read_file(store_ / "data.mdb"), read_file(store_ / "commit.log"));
    }
    for (std::size_t i = 0; i < states.size(); ++i) {
        const auto folder = folder_.path() / ("full" + std::to_string(i));
        std::filesystem::create_directory(folder);
        write_file(folder / "data.mdb", states[i].first);
        write_file(folder / "commit.log", states[i].second);
        Database database(folder, SyncMode::Full, kSmallMap);
        // What needs more room than there is at first has it when something else was erased.
        for (int attempt = 0; attempt < 2; ++attempt) {
            for (const auto& [key, value] : database.content()) {
                try {
                    database.change({}, {key});
                } catch (const Error&) {
                    EXPECT_EQ(attempt, 0) << key << " in state " << i;
                }
            }
        }
        EXPECT_TRUE(database.content().empty()) << "state " << i;
    }
}

}  // namespace
}  // namespace edgesync::lmdb
