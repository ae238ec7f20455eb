// The store at its limits: a full disk, a database of a newer program, a damaged one, a folder that is none.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/system/cluster.h"

namespace edgesync::system_test {
namespace {

constexpr char kToCam1[] = R"({"destinationType":"camera","destinationID":"cam1"})";

/// A disk of 24 MiB, if the test may make one.
class SmallDisk {
public:
    explicit SmallDisk(std::filesystem::path folder) : folder_(std::move(folder)) {
        std::filesystem::create_directory(folder_);
        is_mounted_ = ::geteuid() == 0 && ::mount("tmpfs", folder_.c_str(), "tmpfs", 0, "size=24m") == 0;
    }
    ~SmallDisk() {
        if (is_mounted_) ::umount2(folder_.c_str(), MNT_DETACH);
    }
    SmallDisk(const SmallDisk&) = delete;
    SmallDisk& operator=(const SmallDisk&) = delete;

    bool is_mounted() const { return is_mounted_; }
    const std::filesystem::path& folder() const { return folder_; }
    /// Leaves not one free page.
    void fill() const {
        const int file = ::open(filler().c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        const std::string block(4096, 'f');
        ::lseek(file, 0, SEEK_END);
        while (::write(file, block.data(), block.size()) > 0) {
        }
        ::close(file);
    }
    void make_room() const { std::filesystem::remove(filler()); }

private:
    std::filesystem::path filler() const { return folder_ / "filler"; }

    std::filesystem::path folder_;
    bool is_mounted_ = false;
};

class DiskSpace : public ::testing::Test {
protected:
    void SetUp() override {
        if (!disk_.is_mounted()) GTEST_SKIP() << "only root may mount the small disk that this test fills";
    }
    static bool soon(const std::function<bool()>& condition) { return eventually(condition); }
    /// Only what is persistent goes to the small disk. Its log must leave room for data.
    std::unique_ptr<Node> css_on_small_disk() const {
        return make_css(folder_.path(), {"PersistenceRootPath " + (disk_.folder() / "css").string(), "LmdbLogSizeMB 2"});
    }

    TemporaryFolder folder_;
    const SmallDisk disk_{folder_.path() / "disk"};
};

TEST_F(DiskSpace, ACssRefusesWhatItCannotStoreAndKeepsWhatItAcknowledged) {
    const auto css = css_on_small_disk();
    css->start();
    std::vector<std::string> acknowledged;
    const std::string large = random_octets(300'000, 1);
    ASSERT_EQ(publish(*css, "model", "large", "{}", large), 204);
    disk_.fill();
    // Small data lives in the database, whose log has some room left; large data needs a file of its own.
    int refused = 0;
    for (int i = 0; i < 40; ++i) {
        const std::string id = "small" + std::to_string(i);
        const int code = publish(*css, "model", id, "{}", random_octets(60'000, static_cast<unsigned>(i)));
        EXPECT_TRUE(code == 204 || code == 500) << code;
        if (code == 204) acknowledged.push_back(id);
        if (code != 204) ++refused;
    }
    EXPECT_GT(refused, 0);
    const int code = publish(*css, "model", "too-large", "{}", large);
    EXPECT_EQ(code, 500);
    EXPECT_TRUE(css->request("GET", "objects/acme/model/large/data").body == large) << "reading goes on";
    EXPECT_EQ(css->request("GET", "objects/acme/model/too-large/data").status, 404);

    disk_.make_room();
    EXPECT_TRUE(soon([&] { return publish(*css, "model", "too-large", "{}", large) == 204; })) << "it recovers without a restart";
    css->kill_hard();
    css->start();
    EXPECT_TRUE(css->request("GET", "objects/acme/model/large/data").body == large);
    EXPECT_TRUE(css->request("GET", "objects/acme/model/too-large/data").body == large);
    for (const auto& id : acknowledged) {
        const auto seed = static_cast<unsigned>(std::stoul(id.substr(5)));
        EXPECT_TRUE(css->request("GET", "objects/acme/model/" + id + "/data").body == random_octets(60'000, seed)) << id;
    }
}

TEST_F(DiskSpace, ANodeThatWasKilledOnAFullDiskStartsAgainWhenThereIsRoom) {
    const auto css = css_on_small_disk();
    css->start();
    for (int i = 0; i < 20; ++i) ASSERT_EQ(publish(*css, "model", "m" + std::to_string(i), "{}", "data" + std::to_string(i)), 204);
    disk_.fill();
    css->kill_hard();
    css->launch();
    // It may start, or say why it cannot; it must not hang or lose anything.
    EXPECT_TRUE(eventually([&] { return css->is_healthy() || css->output().find("is full") != std::string::npos; })) << css->output();
    css->kill_hard();
    disk_.make_room();
    css->start();
    for (int i = 0; i < 20; ++i) {
        const std::string id = std::to_string(i);
        EXPECT_EQ(css->request("GET", "objects/acme/model/m" + id + "/data").body, "data" + id);
    }
    EXPECT_EQ(publish(*css, "model", "after", "{}", "x"), 204);
}

TEST_F(DiskSpace, AnEdgeNodeReceivesWhatDidNotFitWhenThereIsRoom) {
    const auto css = make_css(folder_.path());
    css->start();
    const auto ess = make_ess(folder_.path(), "cam1", css->port(), {"PersistenceRootPath " + (disk_.folder() / "cam1").string()});
    ess->start();
    ASSERT_TRUE(eventually([&] { return registered(*css, 1); }));
    ASSERT_EQ(publish(*css, "model", "before", kToCam1, "x"), 204);
    ASSERT_TRUE(soon([&] { return deliveries(*css, "model", "before") == "cam1=delivered"; }));
    disk_.fill();
    const std::string data = random_octets(2'000'000, 3);
    ASSERT_EQ(publish(*css, "model", "big", kToCam1, data), 204);
    const int refused = publish_on_edge(*ess, "report", "r", random_octets(300'000, 4));
    EXPECT_EQ(refused, 500);
    EXPECT_TRUE(soon([&] { return ess->output().find("No space left on device") != std::string::npos; })) << "the log says why\n"
                                                                                                          << ess->output();
    EXPECT_NE(deliveries(*css, "model", "big"), "cam1=delivered");
    EXPECT_EQ(ess->request("GET", "objects/model/before/data").body, "x");
    disk_.make_room();
    EXPECT_TRUE(eventually([&] { return deliveries(*css, "model", "big") == "cam1=delivered"; })) << deliveries(*css, "model", "big");
    EXPECT_TRUE(ess->request("GET", "objects/model/big/data").body == data);
    EXPECT_TRUE(soon([&] { return publish_on_edge(*ess, "report", "r", "y") == 204; }));
    EXPECT_TRUE(soon([&] { return css->request("GET", "objects/acme/report/r/data").body == "y"; }));
}

class Storage : public ::testing::Test {
protected:
    void SetUp() override {
        css_ = make_css(folder_.path());
        css_->start();
        ASSERT_EQ(publish(*css_, "model", "m", "{}", "kept"), 204);
        EXPECT_EQ(css_->terminate(), 0);
    }
    std::filesystem::path database() const { return css_->root() / "sync/db/css.mdb/data.mdb"; }
    static std::string content(const std::filesystem::path& file) {
        std::ifstream in(file, std::ios::binary);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    static void write(const std::filesystem::path& file, const std::string& octets) {
        std::ofstream(file, std::ios::binary | std::ios::trunc) << octets;
    }
    /// The start ends with a failure whose reason the last line of the output gives.
    void expect_refusal(const std::string& reason) {
        css_->launch();
        EXPECT_EQ(css_->wait_for_end(), 1) << reason;
        std::string output = css_->output();
        while (output.ends_with('\n')) output.pop_back();
        const std::string last = output.substr(output.rfind('\n') + 1);
        EXPECT_NE(last.find(reason), std::string::npos) << "no \"" << reason << "\" in: " << last;
    }

    TemporaryFolder folder_;
    std::unique_ptr<Node> css_;
};

TEST_F(Storage, ADatabaseOfANewerProgramIsLeftAlone) {
    const std::string original = content(database());
    std::string newer = original;
    // An entry of the database: the key, then the value.
    std::size_t replaced = 0;
    for (auto at = newer.find("schema1"); at != std::string::npos; at = newer.find("schema1", at + 1), ++replaced) newer[at + 6] = '2';
    ASSERT_GT(replaced, 0U);
    write(database(), newer);
    expect_refusal("has schema 2, this program knows 1; it was written by a newer version");
    write(database(), original);
    css_->start();
    EXPECT_EQ(css_->request("GET", "objects/acme/model/m/data").body, "kept");
}

TEST_F(Storage, ADamagedDatabaseStopsTheStart) {
    const std::string original = content(database());
    const std::string zeros(original.size(), '\0');
    for (const std::string& damaged : {zeros, "x" + original.substr(1, 8) + std::string(original.size(), '\7'), original.substr(0, 100)}) {
        write(database(), damaged);
        expect_refusal("data.mdb");
    }
    write(database(), original);
    css_->start();
    EXPECT_EQ(css_->request("GET", "objects/acme/model/m/data").body, "kept") << "nothing was written to what could not be read";
}

TEST_F(Storage, WhatIsNoFolderStopsTheStart) {
    std::filesystem::rename(database(), folder_.path() / "saved");
    std::filesystem::create_directory(database());
    expect_refusal("data.mdb");
    std::filesystem::remove_all(css_->root());
    write(css_->root(), "a file");
    expect_refusal(css_->root().string());
}

TEST_F(Storage, ALogOfAnotherDatabaseIsNotReplayed) {
    const auto log = css_->root() / "sync/db/css.mdb/commit.log";
    css_->start();
    ASSERT_EQ(publish(*css_, "model", "second", "{}", "x"), 204);
    css_->kill_hard();
    std::filesystem::copy_file(log, folder_.path() / "later.log");
    std::filesystem::remove_all(css_->root() / "sync/db");
    css_->start();
    css_->kill_hard();
    std::filesystem::copy_file(folder_.path() / "later.log", log, std::filesystem::copy_options::overwrite_existing);
    expect_refusal("does not belong to the database beside it");
}

}  // namespace
}  // namespace edgesync::system_test
