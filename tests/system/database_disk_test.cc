// The disk under the database of two CSS instances is full, that of its tables and that of its log: it is said, nothing that was
// acknowledged is lost, and it passes. Runs inside tests/with-postgres, as root.
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "tests/system/database.h"
#include "tests/system/instances_faults.h"

namespace edgesync::system_test {
namespace {

/// A folder of the server on a disk of its own that a test can fill.
class SmallDisk {
public:
    SmallDisk(std::filesystem::path folder, std::size_t megabytes) : folder_(std::move(folder)) {
        std::filesystem::create_directories(folder_);
        struct stat server {};
        ::stat((database::folder() + "/data").c_str(), &server);
        options_ = ",mode=0700,uid=" + std::to_string(server.st_uid) + ",gid=" + std::to_string(server.st_gid);
        is_mounted_ = ::geteuid() == 0 && mount(0, megabytes);
    }
    ~SmallDisk() {
        if (is_mounted_) ::umount2(folder_.c_str(), MNT_DETACH);
    }
    SmallDisk(const SmallDisk&) = delete;
    SmallDisk& operator=(const SmallDisk&) = delete;
    bool grow() const { return mount(MS_REMOUNT, 400); }
    bool is_mounted() const { return is_mounted_; }
    const std::filesystem::path& folder() const { return folder_; }

private:
    bool mount(unsigned long flags, std::size_t megabytes) const {
        return ::mount("tmpfs", folder_.c_str(), "tmpfs", flags, ("size=" + std::to_string(megabytes) + "m" + options_).c_str()) == 0;
    }

    std::filesystem::path folder_;
    std::string options_;
    bool is_mounted_ = false;
};

/// Publishes 1 MB objects at both until one is refused; they are `stored`, and the answer is the status code.
int publish_until_refused(const std::vector<std::unique_ptr<Node>>& css, const std::string& data, std::vector<std::string>& stored) {
    for (std::size_t i = 0; i < 100; ++i) {
        const std::string id = "big" + std::to_string(i);
        const int status = publish(*css[i % css.size()], "model", id, R"({"destinationType":"camera"})", data);
        if (status != 204) return status;
        stored.push_back(id);
    }
    return 204;
}

TEST_F(InstancesFaults, AFullDiskOfTheDatabaseIsSaidAndPassesByItself) {
    const SmallDisk disk(database::folder() + "/small-" + schema_, 48);
    if (!disk.is_mounted()) GTEST_SKIP() << "only root may mount the small disk that this test fills";
    ASSERT_TRUE(database::run("CREATE TABLESPACE small_" + schema_ + " LOCATION '" + disk.folder().string() + "'"));
    ASSERT_TRUE(database::run("CREATE SCHEMA " + schema_));
    ASSERT_TRUE(database::run("ALTER DATABASE postgres SET default_tablespace = small_" + schema_));
    make_instances();
    css_[0]->start();
    ASSERT_TRUE(database::run("ALTER DATABASE postgres RESET default_tablespace"));
    css_[1]->start();
    start_edges();
    load_->start();
    EXPECT_TRUE(eventually([&] { return load_->acknowledged() >= 50; }));
    const std::string data = random_octets(1'000'000, 3);
    std::vector<std::string> stored;
    EXPECT_EQ(publish_until_refused(css_, data, stored), 500) << css_[0]->output();
    EXPECT_GT(stored.size(), 3U);
    EXPECT_TRUE(eventually([&] { return load_->refusals().contains(500); })) << "the others are refused as well";
    const Answer health = css_[0]->request("GET", "health");
    EXPECT_NE((health.body + css_[0]->output() + css_[1]->output()).find("no space left"), std::string::npos) << health.body;
    for (const auto& id : stored) EXPECT_TRUE(css_[1]->request("GET", "objects/acme/model/" + id + "/data").body == data) << id;
    EXPECT_EQ(load_->refusals(), std::set<int>({500}));
    ASSERT_TRUE(disk.grow()) << "somebody makes space";
    expect_that_both_work("after");
    load_->stop();
    load_->expect_everything_arrived();
    for (const auto& css : css_) EXPECT_EQ(css->terminate(), 0);
    ASSERT_TRUE(database::run("DROP SCHEMA " + schema_ + " CASCADE"));
    ASSERT_TRUE(database::run("DROP TABLESPACE small_" + schema_));
}

/// As long as it lives the server's log of changes (WAL) is on a disk that has space for three more of its files of 16 MB.
class SmallLog {
public:
    SmallLog() {
        // A log that has grown keeps its files; so it is made to give them back first.
        for (const char* setting : {"max_wal_size = '32MB'", "min_wal_size = '32MB'"})
            EXPECT_TRUE(database::run(std::string("ALTER SYSTEM SET ") + setting));
        EXPECT_TRUE(database::run("SELECT pg_reload_conf()"));
        EXPECT_TRUE(eventually([&] {
            EXPECT_TRUE(database::run("SELECT pg_switch_wal()") && database::run("CHECKPOINT"));
            return megabytes() <= kMostKept;
        })) << megabytes();
        for (const char* name : {"max_wal_size", "min_wal_size"}) EXPECT_TRUE(database::run(std::string("ALTER SYSTEM RESET ") + name));
        database::stop_immediately();
        disk_ = std::make_unique<SmallDisk>(database::folder() + "/small-log", megabytes() + 50);
        if (disk_->is_mounted()) move(log_, disk_->folder() / "pg_wal", true);
        database::start();
    }
    ~SmallLog() {
        database::stop_immediately();
        if (disk_->is_mounted()) move(disk_->folder() / "pg_wal", log_, false);
        disk_.reset();
        database::start();
    }
    SmallLog(const SmallLog&) = delete;
    SmallLog& operator=(const SmallLog&) = delete;
    const SmallDisk& disk() const { return *disk_; }

private:
    /// Files that it will use again are not full.
    static constexpr std::size_t kMostKept = 100;

    std::size_t megabytes() const {
        std::size_t octets = 0;
        for (const auto& file : std::filesystem::directory_iterator(log_)) octets += file.is_regular_file() ? file.file_size() : 0;
        return octets / 1'000'000;
    }
    void move(const std::filesystem::path& from, const std::filesystem::path& to, bool leaves_link) const {
        std::filesystem::remove(to);
        EXPECT_EQ(std::system(("cp -a '" + from.string() + "' '" + to.string() + "'").c_str()), 0);
        std::filesystem::remove_all(from);
        if (leaves_link) std::filesystem::create_directory_symlink(to, from);
    }

    const std::filesystem::path log_ = database::folder() + "/data/pg_wal";
    std::unique_ptr<SmallDisk> disk_;
};

// The server itself then ends and starts again, or cannot even do that.
TEST_F(InstancesFaults, AFullDiskOfTheDatabasesLogLosesNothing) {
    if (::geteuid() != 0) GTEST_SKIP() << "only root may mount the small disk that this test fills";
    const SmallLog log;
    if (!log.disk().is_mounted()) GTEST_SKIP() << "the small disk that this test fills cannot be mounted";
    start_all();
    load_->start();
    const auto panics = [] {
        std::ifstream in(database::folder() + "/server.log");
        const std::string text{std::istreambuf_iterator<char>(in), {}};
        return text.find("PANIC:  could not write to file \"pg_wal/") != std::string::npos;
    };
    const std::string data = random_octets(1'000'000, 3);
    std::vector<std::string> stored;
    const int refused = publish_until_refused(css_, data, stored);
    EXPECT_TRUE(refused == 500 || refused == 503) << refused;
    EXPECT_TRUE(eventually(panics)) << "or it was something else";
    EXPECT_TRUE(eventually([&] { return !load_->refusals().empty(); })) << "the others are refused as well";
    ASSERT_TRUE(log.disk().grow()) << "somebody makes space";
    database::stop_immediately();
    database::start();
    expect_that_both_work("after");
    load_->stop();
    for (const int status : load_->refusals()) EXPECT_TRUE(status == 500 || status == 503) << status;
    for (const auto& id : stored) EXPECT_TRUE(css_[1]->request("GET", "objects/acme/model/" + id + "/data").body == data) << id;
    load_->expect_everything_arrived();
    for (const auto& css : css_) EXPECT_EQ(css->terminate(), 0);
}

}  // namespace
}  // namespace edgesync::system_test
