#include <gtest/gtest.h>

#include "tests/system/cluster.h"
#include "tests/system/proxy.h"

namespace edgesync::system_test {
namespace {

constexpr char kToCam1[] = R"({"destinationType":"camera","destinationID":"cam1"})";

class Network : public ::testing::Test {
protected:
    void SetUp() override {
        css_ = make_css(folder_.path());
        css_->start();
        line_ = std::make_unique<Proxy>(css_->port());
        cam1_ = make_ess(folder_.path(), "cam1", line_->port());
        cam1_->start();
        ASSERT_TRUE(eventually([this] { return registered(*css_, 1); }));
    }
    TemporaryFolder folder_;
    std::unique_ptr<Node> css_;
    std::unique_ptr<Proxy> line_;
    std::unique_ptr<Node> cam1_;
};

TEST_F(Network, ATransferGoesOnWhereTheLineBrokeAndFetchesLittleTwice) {
    const std::string data = random_octets(150'000'000, 4);
    const long long before = line_->forwarded();
    ASSERT_EQ(publish(*css_, "model", "big", kToCam1, data), 204);
    for (int i = 1; i <= 3; ++i) {
        ASSERT_TRUE(eventually([&] { return line_->forwarded() - before > i * 25'000'000LL; }));
        line_->cut();
        line_->restore();
    }
    EXPECT_TRUE(eventually([&] { return deliveries(*css_, "model", "big") == "cam1=delivered"; }, std::chrono::seconds(60)));
    EXPECT_TRUE(cam1_->request("GET", "objects/model/big/data").body == data);
    EXPECT_LT(line_->forwarded() - before, 150'000'000LL + 3 * 20'000'000LL) << "at most a window is fetched again for each break";
}

TEST_F(Network, APushGoesOnAfterTheLineBroke) {
    const std::string data = random_octets(60'000'000, 5);
    const long long before = line_->forwarded();
    ASSERT_EQ(cam1_->request("PUT", "objects/report/big", R"({"meta":{"objectID":"big","objectType":"report"}})").status, 204);
    ASSERT_EQ(cam1_->request("PUT", "objects/report/big/data", data).status, 204);
    ASSERT_TRUE(eventually([&] { return line_->forwarded() - before > 15'000'000LL; }));
    line_->cut();
    line_->restore();
    EXPECT_TRUE(eventually([&] { return status(*css_, "report", "big") == "completelyReceived"; }, std::chrono::seconds(60)));
    EXPECT_TRUE(css_->request("GET", "objects/acme/report/big/data").body == data);
}

TEST_F(Network, WhatHappensDuringACutIsToldAfterIt) {
    line_->cut();
    ASSERT_EQ(publish(*css_, "model", "down", kToCam1, "down"), 204);
    ASSERT_EQ(publish_on_edge(*cam1_, "report", "up", "up"), 204);
    EXPECT_EQ(deliveries(*css_, "model", "down"), "cam1=delivering");
    line_->restore();
    EXPECT_TRUE(eventually([&] { return deliveries(*css_, "model", "down") == "cam1=delivered"; }, std::chrono::seconds(60)));
    EXPECT_TRUE(eventually([&] { return status(*css_, "report", "up") == "completelyReceived"; }, std::chrono::seconds(60)));
}

class Time : public ::testing::Test {
protected:
    static std::string in_seconds(int seconds) {
        const std::time_t at = std::time(nullptr) + seconds;
        char text[32];
        std::tm parts{};
        ::gmtime_r(&at, &parts);
        std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts);
        return text;
    }
};

TEST_F(Time, ObjectsExpireAndBecomeActiveByTheClock) {
    TemporaryFolder folder;
    auto css = make_css(folder.path(), {"StorageMaintenanceInterval 1", "ObjectActivationInterval 1"});
    css->start();
    auto ess = make_ess(folder.path(), "cam1", css->port());
    ess->start();
    ASSERT_TRUE(eventually([&] { return registered(*css, 1); }));
    ASSERT_EQ(publish(*css, "model", "gone", R"({"expiration":")" + in_seconds(2) + "\"}", "x"), 204);
    ASSERT_EQ(publish(*css, "model", "later", R"({"inactive":true,"activationTime":")" + in_seconds(2) + "\"}", "x"), 204);
    EXPECT_EQ(status(*css, "model", "gone"), "ready");
    EXPECT_EQ(deliveries(*css, "model", "later"), "cam1=pending");
    EXPECT_TRUE(eventually([&] { return css->request("GET", "objects/acme/model/gone").status == 404; }));
    EXPECT_TRUE(eventually([&] { return deliveries(*css, "model", "later") == "cam1=delivered"; }));
}

}  // namespace
}  // namespace edgesync::system_test
