// A CSS and a node with a line between them that delays packets and loses some: everything gets through, in both directions, and without
// waiting until it is repeated, because what is below the messages repeats them already. And a line that loses whole messages, as a broker
// may: they are repeated as docs/mqtt.md says.
#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "tests/system/cluster.h"
#include "tests/system/mosquitto.h"
#include "tests/system/proxy.h"
#include "tests/system/two_networks.h"

namespace edgesync::system_test {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using Json = nlohmann::json;
using Side = TwoNetworks::Side;

constexpr char kToCam1[] = R"({"destinationType":"camera","destinationID":"cam1"})";

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

/// Networks: packets are lost. Proxy: where networks cannot be made; the octets arrive as late as if packets had been lost.
enum class Means { Networks, Proxy };

struct Line {
    const char* name;
    Means means;
    const char* protocol;
};

void PrintTo(const Line& line, std::ostream* out) { *out << line.name; }

class BadLine : public testing::TestWithParam<Line> {
protected:
    static constexpr LineQuality kQuality{200ms, 0.01};
    static constexpr std::chrono::seconds kResendInterval{40};

    /// In the network of the CSS, or of the node.
    template <typename Function>
    auto at_css(const Function& f) const {
        const auto stay = networks_ ? networks_->enter(Side::Left) : nullptr;
        return f();
    }
    template <typename Function>
    auto at_edge(const Function& f) const {
        const auto stay = networks_ ? networks_->enter(Side::Right) : nullptr;
        return f();
    }
    void SetUp() override {
        if (is_mqtt() && !Mosquitto::is_installed()) GTEST_SKIP() << "mosquitto is not installed";
        if (GetParam().means == Means::Networks) {
            if (const std::string obstacle = TwoNetworks::obstacle(); !obstacle.empty()) {
                GTEST_SKIP() << "no networks can be made here: " << obstacle;
            }
            networks_ = std::make_unique<TwoNetworks>(kQuality);
        }
        start_css();
        start_edge();
        ASSERT_TRUE(at_css([&] { return eventually([&] { return registered(*css_, 1); }); })) << edge_->output();
    }
    void TearDown() override {
        if (networks_) std::cout << networks_->carried() << " packets arrived, " << networks_->lost() << " were lost\n";
    }

    bool is_delivered(const std::string& id) const {
        return at_css([&] { return deliveries(*css_, "model", id) == "cam1=delivered"; });
    }
    std::string received_by_edge(const std::string& id) const {
        return at_edge([&] { return edge_->request("GET", "objects/model/" + id + "/data").body; });
    }
    std::string received_by_css(const std::string& id) const {
        return at_css([&] { return css_->request("GET", "objects/acme/report/" + id + "/data").body; });
    }
    void publish_down(const std::string& id, const std::string& data) const {
        ASSERT_EQ(at_css([&] { return publish(*css_, "model", id, kToCam1, data); }), 204);
    }
    void publish_up(const std::string& id, const std::string& data) const {
        ASSERT_EQ(at_edge([&] { return publish_on_edge(*edge_, "report", id, data); }), 204);
    }
    /// What became of the object's present version at the node; nothing while another one replaces it.
    std::optional<std::pair<std::int64_t, std::string>> delivery_of(const std::string& id) const {
        return at_css([&]() -> std::optional<std::pair<std::int64_t, std::string>> {
            const auto version = [&] {
                return Json::parse(css_->request("GET", "objects/acme/model/" + id).body)["instanceID"].get<std::int64_t>();
            };
            const auto before = version();
            const auto status = deliveries(*css_, "model", id);
            return version() == before ? std::optional(std::pair(before, status)) : std::nullopt;
        });
    }

    TemporaryFolder folder_;
    std::unique_ptr<TwoNetworks> networks_;
    std::unique_ptr<Mosquitto> broker_;
    std::unique_ptr<Proxy> proxy_;
    std::unique_ptr<Node> css_;
    std::unique_ptr<Node> edge_;

private:
    static bool is_mqtt() { return std::string(GetParam().protocol) == "mqtt"; }
    static std::vector<std::string> lines(std::vector<std::string> more) {
        more.insert(more.end(), {std::string("CommunicationProtocol ") + GetParam().protocol, "OrgID acme", "MaxDataChunkSize 131072",
                                 "MaxInflightChunks 4", "ResendInterval " + std::to_string(kResendInterval.count())});
        return more;
    }
    std::string css_address() const { return networks_ ? TwoNetworks::left_address() : "127.0.0.1"; }
    void start_css() {
        const auto stay = networks_ ? networks_->enter(Side::Left) : nullptr;
        std::vector<std::string> more{"NodeType CSS"};
        if (is_mqtt()) {
            MosquittoOptions options;
            options.address = css_address();
            broker_ = std::make_unique<Mosquitto>(options);
            broker_->start();
            more.insert(more.end(),
                        {"BrokerAddress " + css_address(), "BrokerPort " + std::to_string(broker_->port()), "MQTTUseSSL false"});
        } else {
            more.emplace_back("ListeningAddress " + css_address());
        }
        css_ = std::make_unique<Node>(folder_.path(), "css", lines(more));
        if (!is_mqtt()) css_->reach_at(css_address());
        css_->start();
        if (networks_) return;
        proxy_ = std::make_unique<Proxy>(is_mqtt() ? broker_->port() : css_->port());
        proxy_->set_quality(kQuality);
    }
    void start_edge() {
        const auto stay = networks_ ? networks_->enter(Side::Right) : nullptr;
        const std::string port = std::to_string(proxy_ ? proxy_->port() : is_mqtt() ? broker_->port() : css_->port());
        std::vector<std::string> more{"NodeType ESS", "DestinationType camera", "DestinationID cam1"};
        if (is_mqtt()) {
            more.insert(more.end(), {"BrokerAddress " + css_address(), "BrokerPort " + port, "MQTTUseSSL false"});
        } else {
            more.insert(more.end(), {"HTTPCSSHost " + css_address(), "HTTPCSSPort " + port});
        }
        edge_ = std::make_unique<Node>(folder_.path(), "cam1", lines(more));
        edge_->start();
    }
};

TEST_P(BadLine, ObjectsOfAllSizesGetThroughBothWays) {
    const std::map<std::string, std::string> objects = {
        {"tiny", "hello"}, {"small", random_octets(60'000, 1)}, {"chunked", random_octets(2'000'000, 2)}};
    for (const auto& [id, data] : objects) {
        const auto begin = Clock::now();
        publish_down(id, data);
        ASSERT_TRUE(eventually([&, key = id] { return is_delivered(key); }, 150s)) << id << edge_->output();
        std::cout << id << " to the node in " << seconds_since(begin) << " s\n";
        EXPECT_TRUE(received_by_edge(id) == data) << id;
        const auto back = Clock::now();
        publish_up(id, data);
        ASSERT_TRUE(eventually([&, key = id, &content = data] { return received_by_css(key) == content; }, 150s)) << id << css_->output();
        std::cout << id << " to the CSS in " << seconds_since(back) << " s\n";
    }
    EXPECT_TRUE(!networks_ || networks_->lost() > 0);
}

TEST_P(BadLine, OfManyUpdatesTheLastOneWinsAndNoneWaitsUntilItIsRepeated) {
    constexpr int kUpdates = 200;
    std::map<std::string, std::string> last;
    for (const int version : {1, 2}) {
        for (int i = 0; i < kUpdates / 2; ++i) {
            const std::string value = std::to_string(version) + "-" + std::to_string(i);
            for (const std::string& id : {std::string("one"), "m" + std::to_string(i), "n" + std::to_string(i)}) {
                publish_down(id, value);
                publish_up(id, value);
                last[id] = value;
            }
        }
    }
    const auto published = Clock::now();
    static const std::map<std::string, int> kRanks = {{"", 0}, {"cam1=pending", 0}, {"cam1=delivering", 1}, {"cam1=delivered", 2}};
    std::map<std::string, std::pair<std::int64_t, int>> seen;
    std::set<std::string> down;
    std::set<std::string> up;
    for (const auto& [id, value] : last) {
        down.insert(id);
        up.insert(id);
    }
    const bool is_done = eventually(
        [&] {
            std::erase_if(down, [&](const std::string& id) {
                const auto now = delivery_of(id);
                if (!now) return false;
                const auto rank = kRanks.find(now->second);
                EXPECT_NE(rank, kRanks.end()) << id << " is " << now->second;
                if (rank == kRanks.end()) return true;
                auto& before = seen[id];
                EXPECT_TRUE(before.first != now->first || rank->second >= before.second) << id << " went back to " << now->second;
                before = {now->first, rank->second};
                return rank->second == 2;
            });
            std::erase_if(up, [&](const std::string& id) { return received_by_css(id) == last[id]; });
            return down.empty() && up.empty();
        },
        6 * kResendInterval);
    EXPECT_TRUE(is_done) << down.size() << " and " << up.size() << " are missing\n" << edge_->output();
    std::cout << "all of " << 3 * kUpdates << " updates each way arrived " << seconds_since(published)
              << " s after the last was published\n";
    // An announcement is repeated after six resend intervals.
    EXPECT_LT(Clock::now() - published, 5 * kResendInterval);
    for (const auto& [id, value] : last) EXPECT_EQ(received_by_edge(id), value) << id;
}

INSTANTIATE_TEST_SUITE_P(All, BadLine,
                         testing::Values(Line{"MqttThatLosesPackets", Means::Networks, "mqtt"},
                                         Line{"MqttThatIsLate", Means::Proxy, "mqtt"},
                                         Line{"HttpThatLosesPackets", Means::Networks, "http"},
                                         Line{"HttpThatIsLate", Means::Proxy, "http"}),
                         [](const auto& line) { return line.param.name; });

/// A broker that loses messages of a kind on their way from or to the node, the first of them each time.
class LostMessages : public testing::Test {
protected:
    static constexpr char kMagic[] = "\1\1\1\1";

    void SetUp() override {
        if (!Mosquitto::is_installed()) GTEST_SKIP() << "mosquitto is not installed";
        broker_.start();
        proxy_ = std::make_unique<Proxy>(broker_.port());
    }
    /// Loses the first `count` messages of this command.
    void lose(const std::string& command, int count) {
        proxy_->disturb([this, text = "\"command\":\"" + command + "\"", count](std::string& packet) {
            if (falsifies_data_ && packet.find(kMagic) != std::string::npos && falsifies_data_.exchange(false)) ++packet.back();
            if (packet.find(text) == std::string::npos) return false;
            const std::lock_guard lock(mutex_);
            times_.push_back(Clock::now());
            return ++seen_ <= count;
        });
    }
    /// From the first of these messages, which was lost, to the second; that is the time of the nodes, and not that of a busy machine.
    Clock::duration repeated_after() const {
        const std::lock_guard lock(mutex_);
        return times_.size() > 1 ? times_[1] - times_[0] : Clock::duration::max();
    }
    void start_both() {
        const auto line = [](int port) {
            return std::vector<std::string>{"CommunicationProtocol mqtt", "BrokerAddress 127.0.0.1", "BrokerPort " + std::to_string(port),
                                            "MQTTUseSSL false"};
        };
        auto css_lines = line(broker_.port());
        css_lines.emplace_back("OrgID acme");
        css_ = make_css(folder_.path(), css_lines);
        css_->start();
        edge_ = make_ess(folder_.path(), "cam1", 1, line(proxy_->port()));
        edge_->start();
        ASSERT_TRUE(eventually([this] { return registered(*css_, 1); })) << edge_->output();
    }

    TemporaryFolder folder_;
    Mosquitto broker_;
    std::atomic<int> seen_{0};
    mutable std::mutex mutex_;
    std::vector<Clock::time_point> times_;
    std::atomic<bool> falsifies_data_{false};  ///< Of the next data message.
    std::unique_ptr<Proxy> proxy_;
    std::unique_ptr<Node> css_;
    std::unique_ptr<Node> edge_;
};

TEST_F(LostMessages, AFailedReceptionIsToldAgainUntilTheCssKnows) {
    lose("feedback", 1);
    start_both();
    falsifies_data_ = true;
    const std::string data = random_octets(200'000, 5);
    ASSERT_EQ(publish(*css_, "model", "m", kToCam1, data), 204);
    ASSERT_TRUE(eventually([this] { return seen_ > 0; }));
    EXPECT_EQ(deliveries(*css_, "model", "m"), "cam1=delivering") << "it does not know";
    // Resend intervals of a second: told again after eight, and announced again after six more.
    EXPECT_TRUE(eventually([this] { return deliveries(*css_, "model", "m") == "cam1=error"; }, 40s)) << edge_->output();
    EXPECT_TRUE(eventually([this] { return deliveries(*css_, "model", "m") == "cam1=delivered"; })) << edge_->output();
    EXPECT_TRUE(edge_->request("GET", "objects/model/m/data").body == data);
}

TEST_F(LostMessages, RegistrationsAndTheirAnswersAreRepeated) {
    lose("regack", 2);
    start_both();
    ASSERT_EQ(publish(*css_, "model", "m", kToCam1, "x"), 204);
    EXPECT_TRUE(eventually([this] { return deliveries(*css_, "model", "m") == "cam1=delivered"; })) << edge_->output();
    EXPECT_GE(seen_, 3);
}

/// One resend interval is a second, so six of them are the longest that each may take; two more for slow machines.
struct Kind {
    const char* command;
    bool is_upwards;
};

class LostOnce : public LostMessages, public testing::WithParamInterface<Kind> {};

TEST_P(LostOnce, IsRepeatedWithinSixResendIntervals) {
    lose(GetParam().command, 1);
    start_both();
    if (GetParam().is_upwards) {
        ASSERT_EQ(publish_on_edge(*edge_, "report", "m", random_octets(200'000, 3)), 204);
        EXPECT_TRUE(eventually([this] { return status(*css_, "report", "m") == "completelyReceived"; })) << css_->output();
    } else {
        ASSERT_EQ(publish(*css_, "model", "m", kToCam1, random_octets(200'000, 4)), 204);
        EXPECT_TRUE(eventually([this] { return deliveries(*css_, "model", "m") == "cam1=delivered"; })) << edge_->output();
    }
    EXPECT_TRUE(eventually([this] { return seen_ > 1; })) << "it was said again";
    EXPECT_LT(repeated_after(), 9s);
}

INSTANTIATE_TEST_SUITE_P(All, LostOnce,
                         testing::Values(Kind{"update", false}, Kind{"getdata", false}, Kind{"received", false}, Kind{"update", true},
                                         Kind{"getdata", true}, Kind{"received", true}, Kind{"ackreceived", true}),
                         [](const auto& kind) { return std::string(kind.param.is_upwards ? "Up" : "Down") + "_" + kind.param.command; });

}  // namespace
}  // namespace edgesync::system_test
