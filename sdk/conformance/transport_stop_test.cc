// The end of a transport: in the middle of everything it does, soon, and without another word to the host.
#include <atomic>
#include <thread>

#include "transport_test.h"

namespace edgesync::conformance {
namespace {

constexpr InstanceId kInstance = 1'700'000'000'000'000'001;
constexpr std::chrono::seconds kSoon{10};

class TransportStop : public TransportTest {
protected:
    /// Threads that send, push and fetch until they are told to end.
    void begin_traffic() {
        css().host().offer(object_key("fetched"), kInstance, octets(1, 8 * 1024 * 1024), "");
        for (int t = 0; t < 3; ++t) repeat(of_node_, [this] { send(from_node(Command::Update, "up")); });
        if (down().sends_unasked) {
            repeat(of_cloud_, [this] { tell(kNode, from_cloud(Command::Update, "down")); });
        } else {
            // What waits for a poll is not bounded by the line.
            repeat(of_cloud_, [this] {
                tell(kNode, from_cloud(Command::Update, "down"));
                std::this_thread::sleep_for(5ms);
            });
        }
        if (up().fetches_data) {
            repeat(of_node_, [this] {
                struct Sink : DataSink {
                    bool begin(bool, std::int64_t, const std::string&) override { return true; }
                    bool write(std::span<const std::byte>) override { return true; }
                } sink;
                ess().transport().fetch(kCloud, {object_key("fetched"), kInstance, kInstance, 0, 0, 8 * 1024 * 1024}, sink);
            });
        }
        repeat(of_node_, [this, data = std::make_shared<const std::vector<std::byte>>(octets(2, 200'000))] {
            push(data);
            std::this_thread::sleep_for(1ms);
        });
        ASSERT_TRUE(css().host().await([](const Seen& seen) { return seen.about("up").size() > 20 && !seen.uploads.empty(); }));
        ASSERT_TRUE(ess().host().await([](const Seen& seen) { return !seen.about("down").empty(); }));
    }
    void TearDown() override {
        end(of_node_);
        end(of_cloud_);
        TransportTest::TearDown();
    }

    void push(const std::shared_ptr<const std::vector<std::byte>>& data) {
        MemoryBlob source(data);
        const auto size = static_cast<std::int64_t>(data->size());
        const std::int64_t limit = largest_up();
        const std::int64_t length = limit > 0 ? std::min(limit, size) : size;
        ess().transport().push(kCloud, {object_key("pushed"), kInstance, kInstance, 0, length, size}, source, "");
    }

    struct Traffic {
        std::atomic<bool> is_ending{false};
        std::vector<std::thread> threads;
    };
    static void end(Traffic& traffic) {
        traffic.is_ending = true;
        for (auto& thread : traffic.threads) thread.join();
        traffic.threads.clear();
    }
    /// As the service does: nobody calls the transport any more when it is stopped.
    void stop(TestNode& node, Traffic& traffic) {
        EXPECT_LT(time_of([&] { node.drain(); }), kSoon) << broken("`drain` returns soon");
        EXPECT_LT(time_of([&] { end(traffic); }), kSoon) << broken("`drain` ends the calls in progress");
        EXPECT_LT(time_of([&] { node.stop(); }), kSoon) << broken("`stop` ends threads and connections");
    }
    static std::chrono::steady_clock::duration time_of(const std::function<void()>& call) {
        const auto began = std::chrono::steady_clock::now();
        call();
        return std::chrono::steady_clock::now() - began;
    }
    static void repeat(Traffic& traffic, std::function<void()> call) {
        traffic.threads.emplace_back([&traffic, call = std::move(call)] {
            while (!traffic.is_ending) failure_of(call);
        });
    }

    Traffic of_node_;
    Traffic of_cloud_;
};

TEST_F(TransportStop, OfANodeInTheMiddleOfExchangesIsSoonAndFinal) {
    ASSERT_NO_FATAL_FAILURE(begin_traffic());
    stop(ess(), of_node_);
    std::this_thread::sleep_for(1s);  // Whoever still calls the host is found when the test ends.
}

TEST_F(TransportStop, OfTheCloudInTheMiddleOfExchangesIsSoonAndFinal) {
    ASSERT_NO_FATAL_FAILURE(begin_traffic());
    stop(css(), of_cloud_);
    std::this_thread::sleep_for(1s);
}

TEST_F(TransportStop, OfANodeWhoseLineIsStuckIsSoon) {
    LineFaults* const faults = environment().faults();
    if (faults == nullptr || !faults->silence()) GTEST_SKIP() << "nothing here can silence the line (--server can)";
    std::atomic<int> ended{0};
    for (int t = 0; t < 6; ++t) {
        repeat(of_node_, [this, &ended, data = std::make_shared<const std::vector<std::byte>>(octets(2, 200'000))] {
            push(data);
            ++ended;
        });
    }
    // A line has buffers: until nothing goes into them any more. One that drops what does not fit never blocks, and must stop all the same.
    const bool is_stuck = eventually(
        [&] {
            const int before = ended;
            std::this_thread::sleep_for(500ms);
            return ended == before;
        },
        20s);
    static_cast<void>(is_stuck);
    stop(ess(), of_node_);
}

TEST_F(TransportStop, DoesNotWaitForVerdicts) {
    css().host().hold();
    std::thread sender([this] { failure_of([this] { send(from_node(Command::Update, "waits")); }); });
    EXPECT_TRUE(css().host().await([](const Seen& seen) { return !seen.about("waits").empty(); }));
    EXPECT_LT(time_of([this] { css().stop(); }), kSoon);
    EXPECT_LT(time_of([this] { ess().stop(); }), kSoon);
    sender.join();
    // A kernel that stops gives its last verdicts when the transports have stopped.
    css().host().release();
}

TEST_F(TransportStop, ADrainedNodeBeginsNothing) {
    ess().drain();
    EXPECT_TRUE(is_of_the_line(failure_of([this] { send(from_node(Command::Update, "after")); })))
        << broken("after `drain`, `send` throws NotConnected");
    // Who knows that the node is gone may say so.
    const auto failure = failure_of([this] { tell(kNode, from_cloud(Command::Update, "after")); });
    EXPECT_TRUE(!failure || is_of_the_line(failure)) << broken("`send` throws NotConnected or Timeout for the line");
    EXPECT_FALSE(ess().host().await([](const Seen& seen) { return !seen.about("after").empty(); }, 1s))
        << broken("after `drain` there are no new exchanges");
    EXPECT_TRUE(css().host().see([](const Seen& seen) { return seen.about("after").empty(); }));
}

TEST_F(TransportStop, ADrainedCloudBeginsNothing) {
    css().drain();
    PeerAnswer answer{Verdict::Unavailable, "", {}};
    const auto failure = failure_of([&] { answer = send(from_node(Command::Update, "after")); });
    if (up().send_is_answered) {
        EXPECT_TRUE(is_of_the_line(failure) || answer.verdict == Verdict::Unavailable) << answer.reason;
    }
    EXPECT_FALSE(css().host().await([](const Seen& seen) { return !seen.about("after").empty(); }, 1s))
        << broken("after `drain` there are no new exchanges");
    if (!down().sends_unasked) return;
    EXPECT_TRUE(is_of_the_line(failure_of([this] { tell(kNode, from_cloud(Command::Update, "after")); })))
        << broken("after `drain`, `send` throws NotConnected");
}

TEST_F(TransportStop, OfANodeThatNeverReachedItsCloudIsSoon) {
    css().stop();
    ess().stop();
    ess().start();
    EXPECT_LT(time_of([this] { ess().stop(); }), kSoon);
}

}  // namespace
}  // namespace edgesync::conformance
