// Nodes that are killed, told to stop or to start again in the middle of their work.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <fstream>
#include <limits>
#include <mutex>
#include <random>
#include <thread>

#include "tests/system/cluster.h"
#include "tests/system/crowd.h"
#include "tests/system/proxy.h"

namespace edgesync::system_test {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr long long kNever = std::numeric_limits<long long>::max();
constexpr char kToCam1[] = R"({"destinationType":"camera","destinationID":"cam1"})";

/// A client that sends and reads no faster than the test says.
class SlowClient {
public:
    explicit SlowClient(const Node& node) : fd_(connect_to(node.port())) {}
    ~SlowClient() { ::close(fd_); }
    SlowClient(const SlowClient&) = delete;
    SlowClient& operator=(const SlowClient&) = delete;

    bool send_head(const std::string& method, const std::string& path, std::size_t length) const {
        return send(method + " /api/v1/" + path + " HTTP/1.1\r\nHost: localhost\r\nAuthorization: " + credentials_of("admin@acme") +
                    "\r\nContent-Length: " + std::to_string(length) + "\r\n\r\n");
    }
    bool send(std::string_view octets) const {
        while (!octets.empty()) {
            const ssize_t sent = ::send(fd_, octets.data(), octets.size(), MSG_NOSIGNAL);
            if (sent <= 0) return false;
            octets.remove_prefix(static_cast<std::size_t>(sent));
        }
        return true;
    }
    /// Up to `size` octets of what comes, fewer at the end of the connection.
    std::string receive(std::size_t size) const {
        std::string octets(size, '\0');
        std::size_t count = 0;
        while (count < size) {
            const ssize_t read = ::recv(fd_, octets.data() + count, size - count, 0);
            if (read <= 0) break;
            count += static_cast<std::size_t>(read);
        }
        octets.resize(count);
        return octets;
    }
    std::string receive_head() const {
        std::string head;
        while (!head.ends_with("\r\n\r\n")) {
            const std::string next = receive(1);
            if (next.empty()) break;
            head += next;
        }
        return head;
    }

private:
    int fd_;
};

/// What clients have sent to an edge node, and what of it was acknowledged.
class Reports {
public:
    struct Report {
        std::string id;
        std::size_t size = 0;
        unsigned seed = 0;
        std::string data() const { return random_octets(size, seed); }
    };

    /// In one request or in two, small enough for the database or not.
    void send_to(const Node& ess) {
        const unsigned number = next_++;
        const std::size_t size = number % 3 == 0 ? 100 + number : 66'000 + number * 500;
        const Report report{"r" + std::to_string(number), size, number};
        const bool is_acknowledged =
            number % 2 == 0 ? publish_on_edge(ess, "report", report.id, report.data()) == 204 : publish_in_two_steps(ess, report);
        const std::lock_guard lock(mutex_);
        (is_acknowledged ? acknowledged_ : unknown_).push_back(report);
    }
    std::size_t count() const {
        const std::lock_guard lock(mutex_);
        return acknowledged_.size();
    }
    /// Once nobody sends any more.
    const std::vector<Report>& acknowledged() const { return acknowledged_; }
    /// Whoever sent them does not know whether they were taken.
    const std::vector<Report>& unknown() const { return unknown_; }

private:
    static bool publish_in_two_steps(const Node& ess, const Report& report) {
        const std::string path = "objects/report/" + report.id;
        const std::string meta = R"({"meta":{"objectID":")" + report.id + R"(","objectType":"report"}})";
        return ess.request("PUT", path, meta).status == 204 && ess.request("PUT", path + "/data", report.data()).status == 204;
    }

    std::atomic<unsigned> next_{0};
    mutable std::mutex mutex_;
    std::vector<Report> acknowledged_;
    std::vector<Report> unknown_;
};

class Interruption : public ::testing::Test {
protected:
    void start(std::vector<std::string> css_lines = {}) {
        css_ = make_css(folder_.path(), std::move(css_lines));
        css_->start();
        line_ = std::make_unique<Proxy>(css_->port());
        cam1_ = make_ess(folder_.path(), "cam1", line_->port());
        cam1_->start();
        ASSERT_TRUE(eventually([this] { return registered(*css_, 1); }));
    }
    /// Before its start, so that root@acme may do everything.
    static void appoint_administrator(const Node& node) {
        std::filesystem::create_directories(node.root() / "sync");
        std::ofstream(node.root() / "sync/dummy-auth.json") << R"({"syncAdmins":["root"]})";
    }
    static void restart_in_place(Node& node, int times_before) {
        ASSERT_EQ(call(node.port(), "POST", "/api/v1/shutdown?quiesce=0&restart=true", "", {}, "root@acme").status, 204);
        ASSERT_TRUE(eventually([&] { return count(node.output(), "Restarting") == times_before + 1; })) << node.output();
        ASSERT_TRUE(eventually([&] { return node.is_healthy(); })) << node.output();
        EXPECT_EQ(::waitpid(node.pid(), nullptr, WNOHANG), 0) << "it is the same process";
    }
    static int count(const std::string& text, const std::string& word) {
        int found = 0;
        for (auto at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++found;
        return found;
    }
    std::string data_on_css(const std::string& id) const { return css_->request("GET", "objects/acme/report/" + id + "/data").body; }
    /// A call that an interruption leaves without an answer ends after two minutes, and is repeated then.
    static constexpr seconds kUntilItIsRepeated{300};
    bool arrives(const std::string& id) const {
        return eventually([&] { return status(*css_, "report", id) == "completelyReceived"; }, kUntilItIsRepeated);
    }
    bool is_delivered(const std::string& id) const {
        return eventually([&] { return deliveries(*css_, "model", id) == "cam1=delivered"; }, kUntilItIsRepeated);
    }
    /// The line is to freeze there.
    bool comes_to(long long octets) const {
        return eventually([&] { return line_->forwarded() >= octets; });
    }
    /// The line goes on, to `freezes_next`, when the node has begun to stop. It runs again afterwards.
    void stop_amid_transfer(Node& node, long long frozen_at, long long freezes_next) const {
        ASSERT_TRUE(comes_to(frozen_at)) << node.output();
        ::kill(node.pid(), SIGTERM);
        ASSERT_TRUE(eventually([&] {
            const int answered = node.request("GET", "objects/none/none").status;
            return answered == 503 || answered == 0;
        }));
        line_->freeze_at(freezes_next);
        EXPECT_EQ(node.wait_for_end(), 0) << node.output();
        EXPECT_LT(line_->forwarded(), frozen_at + 60'000'000) << "it begins nothing new";
        node.start();
    }
    int upload_to_edge(const std::string& id, const std::string& data) const {
        const std::string path = "objects/report/" + id;
        cam1_->request("PUT", path, R"({"meta":{"objectID":")" + id + R"(","objectType":"report"}})");
        return cam1_->request("PUT", path + "/data", data).status;
    }

    TemporaryFolder folder_;
    std::unique_ptr<Node> css_;
    std::unique_ptr<Proxy> line_;
    std::unique_ptr<Node> cam1_;
};

TEST_F(Interruption, AnEdgeNodeKilledAmidPutsLosesNothingThatItAcknowledged) {
    start();
    std::minstd_rand random(7);
    Reports reports;
    for (int round = 0; round < 10; ++round) {
        std::atomic<bool> is_running{true};
        const auto client = [&] {
            while (is_running) reports.send_to(*cam1_);
        };
        std::thread first(client);
        std::thread second(client);
        const std::size_t before = reports.count();
        EXPECT_TRUE(eventually([&] { return reports.count() >= before + 5; }));
        std::this_thread::sleep_for(std::chrono::milliseconds(random() % 150));  // The moment shall be any.
        cam1_->kill_hard();
        is_running = false;
        first.join();
        second.join();
        cam1_->start();
    }
    for (const auto& report : reports.acknowledged()) {
        ASSERT_TRUE(arrives(report.id)) << report.id << " is " << status(*css_, "report", report.id) << ", on the edge "
                                        << edge_status(*cam1_, "report", report.id) << cam1_->output() << css_->output();
        EXPECT_TRUE(data_on_css(report.id) == report.data()) << report.id;
    }
    for (const auto& report : reports.unknown()) {
        if (status(*css_, "report", report.id) != "completelyReceived") continue;
        EXPECT_TRUE(data_on_css(report.id) == report.data()) << report.id << " was taken, and not as it was sent";
    }
}

TEST_F(Interruption, APushGoesOnAfterTheCssWasKilled) {
    start();
    const std::string data = random_octets(150'000'000, 6);
    const long long before = line_->forwarded();
    line_->freeze_at(before + 30'000'000);
    ASSERT_EQ(upload_to_edge("big", data), 204);
    ASSERT_TRUE(comes_to(before + 30'000'000));
    css_->kill_hard();
    line_->freeze_at(before + 80'000'000);
    css_->start();
    ASSERT_TRUE(comes_to(before + 80'000'000));
    css_->kill_hard();
    line_->thaw();
    css_->start();
    ASSERT_TRUE(arrives("big")) << edge_status(*cam1_, "report", "big") << cam1_->output();
    EXPECT_TRUE(data_on_css("big") == data);
}

TEST_F(Interruption, ANodeThatIsToldToStopFinishesWhatIsInProgress) {
    start({"ShutdownQuiesceTime 40"});
    const std::string data = random_octets(30'000'000, 8);
    ASSERT_EQ(publish(*css_, "model", "down", R"({"destinationType":"none"})", data), 204);
    ASSERT_EQ(css_->request("PUT", "objects/acme/model/up", R"({"meta":{"objectID":"up","objectType":"model"}})").status, 204);
    const SlowClient upload(*css_);
    ASSERT_TRUE(upload.send_head("PUT", "objects/acme/model/up/data", data.size()) && upload.send(data.substr(0, data.size() / 2)));
    const SlowClient download(*css_);
    ASSERT_TRUE(download.send_head("GET", "objects/acme/model/down/data", 0));
    ASSERT_TRUE(download.receive_head().starts_with("HTTP/1.1 200"));
    const std::string beginning = download.receive(1'000'000);

    const auto began = steady_clock::now();
    ::kill(css_->pid(), SIGTERM);
    ASSERT_TRUE(eventually([&] { return css_->request("GET", "objects/acme/model/none").status != 404; })) << "nothing new is begun";
    EXPECT_TRUE(upload.send(data.substr(data.size() / 2)));
    EXPECT_TRUE(upload.receive_head().starts_with("HTTP/1.1 204"));
    EXPECT_TRUE(beginning + download.receive(data.size() - beginning.size()) == data);
    EXPECT_EQ(css_->wait_for_end(), 0) << css_->output();
    EXPECT_LT(steady_clock::now() - began, seconds(35)) << "a poll that is parked does not keep it";
    css_->start();
    EXPECT_TRUE(css_->request("GET", "objects/acme/model/up/data").body == data);
    EXPECT_TRUE(is_delivered("up")) << deliveries(*css_, "model", "up");
}

TEST_F(Interruption, ANodeThatIsToldToStopWaitsForNobodyLongerThanItShall) {
    start({"ShutdownQuiesceTime 3"});
    const std::string data = random_octets(60'000'000, 9);
    ASSERT_EQ(publish(*css_, "model", "down", kToCam1, data), 204);
    ASSERT_TRUE(is_delivered("down"));
    ASSERT_EQ(css_->request("PUT", "objects/acme/model/up", R"({"meta":{"objectID":"up","objectType":"model"}})").status, 204);
    const SlowClient upload(*css_);
    ASSERT_TRUE(upload.send_head("PUT", "objects/acme/model/up/data", data.size()) && upload.send(data.substr(0, 10'000'000)));
    const SlowClient download(*css_);
    ASSERT_TRUE(download.send_head("GET", "objects/acme/model/down/data", 0));
    ASSERT_TRUE(download.receive_head().starts_with("HTTP/1.1 200"));

    const auto began = steady_clock::now();
    ::kill(css_->pid(), SIGTERM);
    EXPECT_EQ(css_->wait_for_end(), 0) << css_->output();
    EXPECT_LT(steady_clock::now() - began, seconds(45)) << "the clients would never end";
    css_->start();
    EXPECT_TRUE(css_->request("GET", "objects/acme/model/down/data").body == data);
    EXPECT_EQ(status(*css_, "model", "up"), "notReady") << "half an upload is none";
    ASSERT_EQ(css_->request("PUT", "objects/acme/model/up/data", "whole").status, 204);
    EXPECT_TRUE(is_delivered("up")) << deliveries(*css_, "model", "up");
}

TEST_F(Interruption, TransfersGoOnAfterEitherSideWasToldToStop) {
    start();
    const std::string data = random_octets(150'000'000, 10);
    const long long before = line_->forwarded();
    line_->freeze_at(before + 30'000'000);
    ASSERT_EQ(publish(*css_, "model", "big", kToCam1, data), 204);
    stop_amid_transfer(*css_, before + 30'000'000, before + 80'000'000);
    stop_amid_transfer(*cam1_, before + 80'000'000, kNever);
    ASSERT_TRUE(is_delivered("big")) << deliveries(*css_, "model", "big");
    EXPECT_TRUE(cam1_->request("GET", "objects/model/big/data").body == data);

    const long long between = line_->forwarded();
    line_->freeze_at(between + 30'000'000);
    ASSERT_EQ(upload_to_edge("back", data), 204);
    stop_amid_transfer(*cam1_, between + 30'000'000, between + 80'000'000);
    stop_amid_transfer(*css_, between + 80'000'000, kNever);
    ASSERT_TRUE(arrives("back")) << status(*css_, "report", "back");
    EXPECT_TRUE(data_on_css("back") == data);
}

TEST_F(Interruption, ARestartInPlaceKeepsProcessAndData) {
    css_ = make_css(folder_.path());
    appoint_administrator(*css_);
    css_->start();
    cam1_ = make_ess(folder_.path(), "cam1", css_->port());
    appoint_administrator(*cam1_);
    cam1_->start();
    ASSERT_TRUE(eventually([this] { return registered(*css_, 1); }));
    const std::string data = random_octets(1'000'000, 12);
    for (int round = 0; round < 3; ++round) {
        const std::string id = "m" + std::to_string(round);
        ASSERT_EQ(publish(*css_, "model", id, kToCam1, data), 204);
        ASSERT_EQ(publish_on_edge(*cam1_, "report", id, data), 204);
        restart_in_place(*css_, round);
        restart_in_place(*cam1_, round);
        ASSERT_TRUE(is_delivered(id)) << deliveries(*css_, "model", id);
        ASSERT_TRUE(arrives(id)) << status(*css_, "report", id);
        EXPECT_TRUE(cam1_->request("GET", "objects/model/" + id + "/data").body == data);
        EXPECT_TRUE(data_on_css("m0") == data) << "what was there before the first restart";
    }
    EXPECT_EQ(cam1_->terminate(), 0) << "a signal ends it as ever";
    EXPECT_EQ(css_->terminate(), 0);
}

}  // namespace
}  // namespace edgesync::system_test
