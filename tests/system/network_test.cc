#include <Poco/Net/ServerSocket.h>
#include <Poco/Net/SocketImpl.h>
#include <fcntl.h>
#include <gtest/gtest.h>

#include <thread>

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
    EXPECT_TRUE(eventually([&] { return deliveries(*css_, "model", "big") == "cam1=delivered"; }));
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
    EXPECT_TRUE(eventually([&] { return status(*css_, "report", "big") == "completelyReceived"; }));
    EXPECT_TRUE(css_->request("GET", "objects/acme/report/big/data").body == data);
}

TEST_F(Network, WhatHappensDuringACutIsToldAfterIt) {
    line_->cut();
    ASSERT_EQ(publish(*css_, "model", "down", kToCam1, "down"), 204);
    ASSERT_EQ(publish_on_edge(*cam1_, "report", "up", "up"), 204);
    EXPECT_EQ(deliveries(*css_, "model", "down"), "cam1=delivering");
    line_->restore();
    EXPECT_TRUE(eventually([&] { return deliveries(*css_, "model", "down") == "cam1=delivered"; }));
    EXPECT_TRUE(eventually([&] { return status(*css_, "report", "up") == "completelyReceived"; }));
}

/// A CSS that takes connections and never answers.
class SilentCss : public ::testing::Test {
protected:
    void start_css_and_node(int port) {
        css_->start();
        cam1_ = make_ess(folder_.path(), "cam1", port);
        cam1_->start();
        ASSERT_TRUE(eventually([this] { return registered(*css_, 1); }));
    }
    /// On the port of the CSS, which is not running. No node that is started meanwhile must inherit it.
    Poco::Net::ServerSocket listen_silently() const {
        Poco::Net::ServerSocket silent(Poco::Net::SocketAddress("127.0.0.1", static_cast<Poco::UInt16>(css_->port())), 256);
        ::fcntl(silent.impl()->sockfd(), F_SETFD, FD_CLOEXEC);
        return silent;
    }
    /// Small ones and large ones, for longer than the node's intervals. A call to the CSS ends after 120 s; no publish waits for one, and
    /// most wait for nothing, but for pauses of a busy machine.
    void publish_fast() {
        int slow = 0;
        for (int i = 0; i < kReports; ++i) {
            const auto began = steady_clock::now();
            ASSERT_EQ(publish_on_edge(*cam1_, "report", "r" + std::to_string(i), data(i)), 204);
            ASSERT_EQ(edge_status(*cam1_, "report", "r" + std::to_string(i)), "ready");
            const auto taken = steady_clock::now() - began;
            EXPECT_LT(taken, std::chrono::seconds(30));
            slow += taken > std::chrono::seconds(1) ? 1 : 0;
            std::this_thread::sleep_until(began + std::chrono::milliseconds(50));
        }
        EXPECT_LE(slow, kReports / 20) << "half of the large ones";
    }
    void expect_everything_delivered() {
        for (int i = 0; i < kReports; ++i) {
            const std::string id = "r" + std::to_string(i);
            ASSERT_TRUE(eventually([&] { return status(*css_, "report", id) == "completelyReceived"; }))
                << id << edge_status(*cam1_, "report", id) << cam1_->output();
            EXPECT_TRUE(css_->request("GET", "objects/acme/report/" + id + "/data").body == data(i)) << id;
        }
        ASSERT_EQ(publish(*css_, "model", "after", kToCam1, "x"), 204);
        EXPECT_TRUE(eventually([&] { return deliveries(*css_, "model", "after") == "cam1=delivered"; }));
    }

    using steady_clock = std::chrono::steady_clock;
    static constexpr int kReports = 100;
    static std::string data(int i) { return random_octets(i % 10 == 0 ? 1'000'000 : 1000, static_cast<unsigned>(i)); }

    TemporaryFolder folder_;
    std::unique_ptr<Node> css_ = make_css(folder_.path());
    std::unique_ptr<Node> cam1_;
};

TEST_F(SilentCss, DoesNotSlowANodeThatIsNotRegistered) {
    Poco::Net::ServerSocket silent = listen_silently();
    cam1_ = make_ess(folder_.path(), "cam1", css_->port());
    cam1_->start();
    publish_fast();
    EXPECT_TRUE(silent.poll(Poco::Timespan(0), Poco::Net::Socket::SELECT_READ)) << "the node has tried";
    silent.close();
    css_->start();
    expect_everything_delivered();
}

TEST_F(SilentCss, DoesNotSlowANodeThatIsRegistered) {
    start_css_and_node(css_->port());
    css_->kill_hard();
    {
        Poco::Net::ServerSocket silent = listen_silently();
        publish_fast();
        EXPECT_TRUE(silent.poll(Poco::Timespan(0), Poco::Net::Socket::SELECT_READ)) << "the node has tried";
    }
    css_->start();
    expect_everything_delivered();
}

TEST_F(SilentCss, DoesNotSlowANodeWhoseConnectionsStayOpen) {
    Proxy line(css_->port());
    start_css_and_node(line.port());
    line.freeze();
    publish_fast();
    line.cut();
    line.restore();
    line.thaw();
    expect_everything_delivered();
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
    // No step before takes that long. Where the clock cannot be moved the test waits.
    const int later = kCanShiftClocks ? 600 : 20;
    auto css = make_css(folder.path(), {"StorageMaintenanceInterval 1", "ObjectActivationInterval 1"});
    if (kCanShiftClocks) css->shift_clock(std::chrono::seconds(0));
    css->start();
    auto ess = make_ess(folder.path(), "cam1", css->port());
    ess->start();
    ASSERT_TRUE(eventually([&] { return registered(*css, 1); }));
    ASSERT_EQ(publish(*css, "model", "gone", R"({"expiration":")" + in_seconds(later) + "\"}", "x"), 204);
    ASSERT_EQ(publish(*css, "model", "later", R"({"inactive":true,"activationTime":")" + in_seconds(later) + "\"}", "x"), 204);
    EXPECT_EQ(status(*css, "model", "gone"), "ready");
    EXPECT_EQ(deliveries(*css, "model", "later"), "cam1=pending");
    if (kCanShiftClocks) css->shift_clock(std::chrono::seconds(later));
    EXPECT_TRUE(eventually([&] { return css->request("GET", "objects/acme/model/gone").status == 404; }));
    EXPECT_TRUE(eventually([&] { return deliveries(*css, "model", "later") == "cam1=delivered"; }));
}

}  // namespace
}  // namespace edgesync::system_test
