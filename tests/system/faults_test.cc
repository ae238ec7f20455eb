#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <atomic>
#include <random>
#include <thread>

#include "tests/system/cluster.h"

namespace edgesync::system_test {
namespace {

constexpr char kToCam1[] = R"({"destinationType":"camera","destinationID":"cam1"})";

class Faults : public ::testing::Test {
protected:
    void start_both() {
        css_ = make_css(folder_.path());
        css_->start();
        cam1_ = make_ess(folder_.path(), "cam1", css_->port());
        cam1_->start();
        ASSERT_TRUE(eventually([this] { return registered(*css_, 1); }));
    }
    TemporaryFolder folder_;
    std::unique_ptr<Node> css_;
    std::unique_ptr<Node> cam1_;
};

TEST_F(Faults, AKilledCssLosesNothingThatItAcknowledged) {
    start_both();
    std::minstd_rand random(11);
    std::vector<std::string> acknowledged;
    for (int round = 0; round < 4; ++round) {
        std::atomic<bool> is_running{true};
        std::vector<std::string> accepted;
        std::atomic<int> count{0};
        std::thread client([&] {
            for (int i = 0; is_running; ++i) {
                const std::string id = "m" + std::to_string(round) + "-" + std::to_string(i);
                const std::string body =
                    R"({"meta":{"objectID":")" + id + R"(","objectType":"model","destinationType":"camera"},"data":"aGVsbG8="})";
                if (css_->request("PUT", "objects/acme/model/" + id, body).status != 204) continue;
                accepted.push_back(id);
                ++count;
            }
        });
        const auto enough = std::chrono::milliseconds(100 + random() % 200);
        EXPECT_TRUE(eventually([&, began = std::chrono::steady_clock::now()] {
            return std::chrono::steady_clock::now() - began > enough && count > 5;
        })) << count;
        css_->kill_hard();
        is_running = false;
        client.join();
        css_->start();
        acknowledged.insert(acknowledged.end(), accepted.begin(), accepted.end());
    }
    ASSERT_GT(acknowledged.size(), 20U);
    for (const auto& id : acknowledged) {
        EXPECT_EQ(css_->request("GET", "objects/acme/model/" + id + "/data").body, "hello") << id;
        ASSERT_TRUE(eventually([&] { return deliveries(*css_, "model", id) == "cam1=delivered"; }))
            << id << deliveries(*css_, "model", id) << cam1_->output();
    }
}

TEST_F(Faults, AKilledEssLosesNothingThatItAcknowledged) {
    start_both();
    std::vector<std::string> acknowledged;
    for (int round = 0; round < 4; ++round) {
        for (int i = 0; i < 25; ++i) {
            const std::string id = "r" + std::to_string(round) + "-" + std::to_string(i);
            ASSERT_EQ(publish_on_edge(*cam1_, "report", id, random_octets(200'000, static_cast<unsigned>(i))), 204);
            acknowledged.push_back(id);
        }
        cam1_->kill_hard();
        cam1_->start();
    }
    for (const auto& id : acknowledged) {
        ASSERT_TRUE(eventually([&] { return status(*css_, "report", id) == "completelyReceived"; }))
            << id << " is " << status(*css_, "report", id) << ", on the edge " << edge_status(*cam1_, "report", id);
    }
}

TEST_F(Faults, ATransferGoesOnAfterEitherSideWasKilled) {
    start_both();
    const std::string data = random_octets(200'000'000, 3);
    ASSERT_EQ(publish(*css_, "model", "big", kToCam1, data), 204);
    const auto staged_bytes = [&] {
        std::uintmax_t size = 0;
        std::error_code ignored;
        for (const auto& entry : std::filesystem::recursive_directory_iterator(cam1_->root() / "sync/local/blobs", ignored)) {
            if (entry.is_regular_file(ignored)) size = std::max(size, entry.file_size(ignored));
        }
        return size;
    };
    ASSERT_TRUE(eventually([&] { return staged_bytes() > 40'000'000; }));
    cam1_->kill_hard();
    cam1_->start();
    EXPECT_NE(cam1_->output().find("Registered"), std::string::npos);
    css_->kill_hard();
    css_->start();
    EXPECT_TRUE(eventually([&] { return deliveries(*css_, "model", "big") == "cam1=delivered"; }));
    EXPECT_TRUE(cam1_->request("GET", "objects/model/big/data").body == data);
}

TEST_F(Faults, AnEdgeNodeWorksWhileItsCssIsAwayAndDeliversLater) {
    start_both();
    css_->kill_hard();
    for (int i = 0; i < 300; ++i) {
        const auto began = std::chrono::steady_clock::now();
        ASSERT_EQ(publish_on_edge(*cam1_, "report", "r" + std::to_string(i), "measurement " + std::to_string(i)), 204);
        EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(20)) << "it waits for nobody";
    }
    css_->start();
    for (int i = 0; i < 300; ++i) {
        const std::string id = "r" + std::to_string(i);
        ASSERT_TRUE(eventually([&] { return status(*css_, "report", id) == "completelyReceived"; })) << id;
        EXPECT_EQ(css_->request("GET", "objects/acme/report/" + id + "/data").body, "measurement " + std::to_string(i));
    }
}

TEST_F(Faults, ANodeRegistersAgainAtACssThatLostItsData) {
    start_both();
    ASSERT_EQ(publish_on_edge(*cam1_, "report", "kept", "x"), 204);
    ASSERT_TRUE(eventually([&] { return status(*css_, "report", "kept") == "completelyReceived"; }));
    css_->kill_hard();
    std::filesystem::remove_all(css_->root());
    css_->start();
    EXPECT_TRUE(eventually([&] { return registered(*css_, 1); }));
    EXPECT_TRUE(eventually([&] { return status(*css_, "report", "kept") == "completelyReceived"; })) << "own objects are announced again";
    ASSERT_EQ(publish(*css_, "model", "new", kToCam1, "y"), 204);
    EXPECT_TRUE(eventually([&] { return deliveries(*css_, "model", "new") == "cam1=delivered"; }));
}

TEST_F(Faults, TwoNodesMaySendTheSameObject) {
    start_both();
    auto cam2 = make_ess(folder_.path(), "cam2", css_->port());
    cam2->start();
    ASSERT_TRUE(eventually([this] { return registered(*css_, 2); }));
    ASSERT_EQ(publish_on_edge(*cam1_, "report", "same", "first"), 204);
    ASSERT_TRUE(eventually([&] { return css_->request("GET", "objects/acme/report/same/data").body == "first"; }));
    ASSERT_EQ(publish_on_edge(*cam2, "report", "same", "second"), 204);
    EXPECT_TRUE(eventually([&] { return css_->request("GET", "objects/acme/report/same/data").body == "second"; }));
    EXPECT_EQ(status(*css_, "report", "same"), "completelyReceived");
}

/// Fills a small disk with objects of `size` octets, which are in files or in the database.
class FullDisk : public Faults, public testing::WithParamInterface<std::size_t> {};

TEST_P(FullDisk, IsAnErrorAndWorkGoesOnWhenThereIsSpace) {
    const auto disk = folder_.path() / "disk";
    std::filesystem::create_directory(disk);
    if (::geteuid() != 0 || ::mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=24m") != 0)
        GTEST_SKIP() << "mounting a small disk is not permitted here";
    struct Unmount {
        std::filesystem::path path;
        ~Unmount() { ::umount2(path.c_str(), MNT_DETACH); }
    } unmount{disk};
    const std::string filler = random_octets(GetParam(), 9);
    const int count = static_cast<int>(30'000'000 / filler.size());
    {
        auto css = make_css(folder_.path(), {"PersistenceRootPath " + (disk / "css").string(), "LmdbLogSizeMB 4"});
        css->start();
        ASSERT_EQ(publish(*css, "model", "kept", "{}", "before"), 204);
        std::vector<int> kept;
        for (int i = 0; i < count; ++i) {
            const int code = publish(*css, "model", "f" + std::to_string(i), "{}", filler);
            EXPECT_TRUE(code == 204 || code == 500) << code;
            if (code == 204) kept.push_back(i);
        }
        EXPECT_GT(kept.size(), 0U);
        EXPECT_LT(static_cast<int>(kept.size()), count);
        EXPECT_EQ(css->request("GET", "objects/acme/model/kept/data").body, "before");
        css->kill_hard();
        css->start();
        EXPECT_EQ(css->request("GET", "objects/acme/model/kept/data").body, "before");
        ASSERT_EQ(::mount("tmpfs", disk.c_str(), "tmpfs", MS_REMOUNT, "size=32m"), 0) << "somebody makes space";
        for (const int i : kept) {
            const std::string path = "objects/acme/model/f" + std::to_string(i);
            EXPECT_TRUE(css->request("GET", path + "/data").body == filler) << i;
            const Answer removed = css->request("DELETE", path);
            EXPECT_EQ(removed.status, 204) << removed.body;
        }
        EXPECT_TRUE(eventually([&] { return publish(*css, "model", "after", "{}", filler) == 204; }));
        EXPECT_TRUE(css->request("GET", "objects/acme/model/after/data").body == filler);
        css->terminate();
    }
}

INSTANTIATE_TEST_SUITE_P(Files, FullDisk, testing::Values(200'000U));
INSTANTIATE_TEST_SUITE_P(Database, FullDisk, testing::Values(20'000U));

}  // namespace
}  // namespace edgesync::system_test
