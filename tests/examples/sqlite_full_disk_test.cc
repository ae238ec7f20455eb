// What the store `sqlite` makes of a full disk and of files that are not its own: as the service's store, and called directly.
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <fstream>
#include <future>
#include <thread>

#include "edgesync/sdk/store.h"
#include "tests/system/cluster.h"

namespace edgesync::system_test {
namespace {

/// A file system of its own, while it lives.
class SmallDisk {
public:
    ~SmallDisk() {
        if (is_mounted_) ::umount2(path_.c_str(), MNT_DETACH);
    }
    /// False: not permitted here.
    bool mount(const std::string& size) {
        is_mounted_ = ::geteuid() == 0 && ::mount("tmpfs", path_.c_str(), "tmpfs", 0, ("size=" + size).c_str()) == 0;
        return is_mounted_;
    }
    bool grow_to(const std::string& size) const {
        return ::mount("tmpfs", path_.c_str(), "tmpfs", MS_REMOUNT, ("size=" + size).c_str()) == 0;
    }
    const std::filesystem::path& path() const { return path_; }
    const std::filesystem::path& outside() const { return outside_.path(); }

private:
    const TemporaryFolder outside_;
    const TemporaryFolder folder_;
    const std::filesystem::path path_ = folder_.path();
    bool is_mounted_ = false;
};
constexpr char kNoDisk[] = "mounting a small disk is not permitted here";

std::unique_ptr<Node> start_node_on(const SmallDisk& disk) {
    auto ess = make_ess(
        disk.outside(), "cam1", 1,
        {"PluginPath " EDGESYNC_PLUGIN_FOLDERS, "StorageProvider sqlite", "PersistenceRootPath " + (disk.path() / "cam1").string()});
    ess->start();
    return ess;
}

/// Objects of so many octets, which are in rows or in files.
class SqliteFullDisk : public testing::TestWithParam<std::size_t> {};

TEST_P(SqliteFullDisk, RefusesWhatDoesNotFitKeepsTheRestAndGoesOnWhenThereIsSpace) {
    SmallDisk disk;
    if (!disk.mount("16m")) GTEST_SKIP() << kNoDisk;
    const auto ess = start_node_on(disk);
    const auto data_of = [](int i) { return random_octets(GetParam(), static_cast<unsigned>(i)); };
    std::vector<int> kept;
    const int count = static_cast<int>(20'000'000 / GetParam());
    for (int i = 0; i < count; ++i) {
        const int code = publish_on_edge(*ess, "report", std::to_string(i), data_of(i));
        EXPECT_TRUE(code == 204 || code == 500) << code;
        if (code == 204) kept.push_back(i);
    }
    EXPECT_GT(kept.size(), 0U);
    EXPECT_LT(static_cast<int>(kept.size()), count);
    ess->kill_hard();
    ess->start();
    ASSERT_TRUE(disk.grow_to("40m")) << "somebody makes space";
    for (const int i : kept) {
        const std::string path = "objects/report/" + std::to_string(i);
        EXPECT_TRUE(ess->request("GET", path + "/data").body == data_of(i)) << i;
        EXPECT_EQ(ess->request("DELETE", path).status, 204) << i;
    }
    EXPECT_EQ(publish_on_edge(*ess, "report", "after", data_of(0)), 204);
    EXPECT_TRUE(ess->request("GET", "objects/report/after/data").body == data_of(0));
    EXPECT_EQ(ess->terminate(), 0);
}

INSTANTIATE_TEST_SUITE_P(Files, SqliteFullDisk, testing::Values(200'000U));
INSTANTIATE_TEST_SUITE_P(Rows, SqliteFullDisk, testing::Values(20'000U));

using Answers = std::map<std::string, int>;

/// The answers to objects that so many clients publish at once, each its own.
Answers publish_at_once(const Node& ess, const std::string& prefix, int clients, int objects_of_each, const std::string& data) {
    std::vector<std::future<Answers>> results;
    for (int client = 0; client < clients; ++client) {
        results.push_back(std::async(std::launch::async, [&, client] {
            Answers answers;
            for (int i = 0; i < objects_of_each; ++i) {
                const std::string id = prefix + std::to_string(client) + "-" + std::to_string(i);
                answers[id] = publish_on_edge(ess, "report", id, data);
            }
            return answers;
        }));
    }
    Answers all;
    for (auto& result : results) all.merge(result.get());
    return all;
}

TEST(SqliteFullDiskOfMany, IsOverWhenThereIsSpaceWithoutARestart) {
    SmallDisk disk;
    if (!disk.mount("24m")) GTEST_SKIP() << kNoDisk;
    const auto ess = start_node_on(disk);
    const std::string data = random_octets(60'000, 1);
    const Answers answers = publish_at_once(*ess, "a", 64, 10, data);
    const auto kept = std::count_if(answers.begin(), answers.end(), [](const auto& answer) { return answer.second == 204; });
    EXPECT_GT(kept, 0);
    EXPECT_LT(kept, std::ssize(answers));
    const std::string full = ess->request("GET", "health").body;
    EXPECT_EQ(full.find(R"("dbWriteFailures":0)"), full.npos) << full;
    EXPECT_NE(full.find("store.db: "), full.npos) << "no problem in " << full;

    ASSERT_TRUE(disk.grow_to("200m")) << "somebody makes space";
    for (const auto& [id, code] : publish_at_once(*ess, "b", 64, 5, data)) EXPECT_EQ(code, 204) << id;
    for (const auto& [id, code] : answers) {
        EXPECT_TRUE(code == 204 || code == 500) << code;
        const Answer answer = ess->request("GET", "objects/report/" + id + "/data");
        EXPECT_TRUE(code == 204 ? answer.body == data : answer.status == 404) << id << ": " << code << ", then " << answer.status;
    }
    const std::string well = ess->request("GET", "health").body;
    EXPECT_EQ(well.find("store.db: "), well.npos) << well;
    EXPECT_EQ(ess->terminate(), 0);
}

class NoLog final : public Log {
public:
    bool logs(LogLevel) const noexcept override { return false; }
    bool traces(LogLevel) const noexcept override { return false; }
    void log(LogLevel, std::string_view) noexcept override {}
    void trace(LogLevel, std::string_view) noexcept override {}
};

class FolderAlone final : public Settings {
public:
    explicit FolderAlone(const std::filesystem::path& root) : root_(root.string() + "/") {}
    std::string text(std::string_view) const override { return {}; }
    bool boolean(std::string_view) const override { return false; }
    std::int64_t integer(std::string_view) const override { return 0; }
    std::vector<std::string> list(std::string_view) const override { return {}; }
    bool is_set(std::string_view) const override { return false; }
    NodeRole role() const override { return NodeRole::Ess; }
    std::string persistence_root() const override { return root_; }

private:
    const std::string root_;
};

using Change = std::function<void(WriteTransaction&)>;

/// The plugin without the service, on a disk of 6 MB.
class SqliteAlone : public testing::Test {
protected:
    void SetUp() override {
        if (!disk_.mount("6m")) GTEST_SKIP() << kNoDisk;
        store_ = make();
        store_->open();
    }
    void TearDown() override {
        if (store_) store_->close();
    }
    std::unique_ptr<Store> make() {
        void* const library = ::dlopen(EDGESYNC_EXAMPLE_PLUGINS "/libstore-sqlite.so", RTLD_NOW | RTLD_LOCAL);
        if (library == nullptr) throw std::runtime_error(::dlerror());
        const auto* descriptor = static_cast<const PluginDescriptor*>(::dlsym(library, kDescriptorSymbol));
        std::unique_ptr<Store> store(static_cast<Store*>(descriptor->create()));
        store->configure(settings_, log_);
        return store;
    }
    std::future<std::exception_ptr> submit(Change change) {
        auto result = std::make_shared<std::promise<std::exception_ptr>>();
        store_->submit(std::move(change), [result](std::exception_ptr failure) { result->set_value(std::move(failure)); });
        return result->get_future();
    }
    static std::optional<ErrorKind> kind_of(const std::exception_ptr& failure) {
        try {
            if (failure) std::rethrow_exception(failure);
        } catch (const Error& error) {
            return error.kind();
        }
        return std::nullopt;
    }
    static Change put(const std::string& key) {
        return [key](WriteTransaction& transaction) { transaction.put_entry(EntryTable::Setting, {key}, "value"); };
    }
    bool has(const std::string& key) {
        bool is_there = false;
        store_->read([&](ReadTransaction& transaction) { is_there = transaction.entry(EntryTable::Setting, {key}).has_value(); });
        return is_there;
    }
    /// More than the disk takes. @throws Error
    void fill(WriteTransaction& transaction) {
        const std::vector<std::byte> octets(60'000);
        BlobRecord record;
        record.state = BlobState::Published;
        record.total = std::ssize(octets);
        for (int i = 0; i < 200; ++i) {
            record.id = store_->blobs().new_id();
            transaction.put_small_data(record, octets);
        }
    }

    SmallDisk disk_;
    FolderAlone settings_{disk_.path()};
    NoLog log_;
    std::unique_ptr<Store> store_;
};

TEST_F(SqliteAlone, AFunctionThatGoesOnAfterAFullDiskChangesNothing) {
    ASSERT_EQ(submit(put("kept")).get(), nullptr);
    std::optional<ErrorKind> later;
    const auto failure = submit([&](WriteTransaction& transaction) {
                             EXPECT_THROW(fill(transaction), Error);
                             try {
                                 transaction.erase_entry(EntryTable::Setting, {"kept"});
                             } catch (const Error& error) {
                                 later = error.kind();
                             }
                         }).get();
    EXPECT_EQ(kind_of(failure), ErrorKind::NoSpace);
    EXPECT_EQ(later, ErrorKind::NoSpace);
    EXPECT_TRUE(has("kept"));
    EXPECT_EQ(store_->health().write_failures, 1U);
    const std::string problem = store_->health().problem;
    EXPECT_NE(problem, "");
    EXPECT_EQ(submit([](WriteTransaction&) {}).get(), nullptr);
    EXPECT_EQ(store_->health().problem, problem) << "a commit without changes needs no space";

    ASSERT_TRUE(disk_.grow_to("60m"));
    EXPECT_EQ(submit([this](WriteTransaction& transaction) { fill(transaction); }).get(), nullptr);
    EXPECT_EQ(store_->health().problem, "");
}

TEST_F(SqliteAlone, NeighboursOfTheOneThatDoesNotFitAreKeptAndEachIsToldTheTruth) {
    std::promise<void> all_wait;
    auto first = submit([waits = all_wait.get_future().share()](WriteTransaction&) { waits.wait(); });
    auto before = submit(put("before"));
    auto refused = submit([](WriteTransaction&) { throw Error(ErrorKind::Conflict, "of its own"); });
    auto filler = submit([this](WriteTransaction& transaction) { fill(transaction); });
    auto after = submit(put("after"));
    all_wait.set_value();
    EXPECT_EQ(first.get(), nullptr);
    EXPECT_EQ(before.get(), nullptr);
    EXPECT_EQ(kind_of(refused.get()), ErrorKind::Conflict);
    EXPECT_EQ(kind_of(filler.get()), ErrorKind::NoSpace);
    EXPECT_EQ(after.get(), nullptr);
    EXPECT_TRUE(has("before"));
    EXPECT_TRUE(has("after"));
}

TEST_F(SqliteAlone, ConnectionsThatHaveFailedAreClosed) {
    const auto open_files = [] { return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {}); };
    const auto refuse = [this] { return kind_of(submit([this](WriteTransaction& transaction) { fill(transaction); }).get()); };
    ASSERT_EQ(refuse(), ErrorKind::NoSpace);
    const auto at_first = open_files();
    for (int i = 0; i < 20; ++i) ASSERT_EQ(refuse(), ErrorKind::NoSpace) << i;
    EXPECT_LE(open_files(), at_first + 3);
    EXPECT_EQ(store_->health().write_failures, 21U);
}

TEST_F(SqliteAlone, AReadThatFailedIsCountedAndLeavesNothingBehind) {
    ASSERT_EQ(submit(put("kept")).get(), nullptr);
    store_->close();  // What it wrote is in the file and no longer in the log.
    const auto path = disk_.path() / "sync/sqlite/store.db";
    const auto write = [&](const std::string& octets) {
        std::fstream(path, std::ios::in | std::ios::out).seekp(4096).write(octets.data(), std::ssize(octets));
    };
    std::ifstream in(path);
    const std::string rest = std::string(std::istreambuf_iterator<char>(in), {}).substr(4096);  // Behind the page of the schema.
    store_ = make();
    store_->open();
    write(std::string(rest.size(), 'x'));
    try {
        has("kept");
        ADD_FAILURE() << "it was read";
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::Corrupt) << error.what();
    }
    EXPECT_EQ(store_->health().read_failures, 1U);
    write(rest);
    EXPECT_TRUE(has("kept"));
    EXPECT_EQ(store_->health().read_failures, 1U);
}

TEST_F(SqliteAlone, AFileOfANewerVersionIsCorrupt) {
    store_->close();
    std::fstream file(disk_.path() / "sync/sqlite/store.db", std::ios::in | std::ios::out);
    file.seekp(60).write("\0\0\0\x63", 4);  // The number that PRAGMA user_version reads.
    file.close();
    store_ = make();
    try {
        store_->open();
        ADD_FAILURE() << "it was opened";
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::Corrupt) << error.what();
        store_.reset();
    }
}

}  // namespace
}  // namespace edgesync::system_test
