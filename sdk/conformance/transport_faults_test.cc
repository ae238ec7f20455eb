// A line that breaks or falls silent, and nodes that start again.
#include <atomic>
#include <condition_variable>
#include <future>
#include <mutex>

#include "transport_test.h"

namespace edgesync::conformance {
namespace {

constexpr InstanceId kInstance = 1'700'000'000'000'000'001;
constexpr std::int64_t kSize = 64 * 1024 * 1024;
/// Holds a transfer up in its middle until the test has cut the line. Thread-safe.
class Middle {
public:
    void is_cut() {
        const std::lock_guard lock(mutex_);
        is_cut_ = true;
        changed_.notify_all();
    }
    /// Each piece waits only for a while, because who reads all before it sends must come to its end, and so that the line does not fall
    /// silent.
    void pass() {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, 1s, [this] { return is_cut_; });
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool is_cut_ = false;
};

/// A call may begin before the line is dead and meet a deadline of its own.
constexpr std::chrono::seconds kGrace{5};

class TransportFaults : public TransportTest {
protected:
    void SetUp() override {
        TransportTest::SetUp();
        if (HasFatalFailure()) return;
        faults_ = environment().faults();
        if (faults_ == nullptr) GTEST_SKIP() << "nothing here can break the line (--server or --cut and --restore can)";
    }
    /// Until a call fails as one of the line; each must end in time.
    void expect_failures(const std::function<void()>& call) {
        const bool has_failed = eventually(
            [&] {
                const auto began = std::chrono::steady_clock::now();
                const auto failure = failure_of(call);
                EXPECT_LT(std::chrono::steady_clock::now() - began, environment().longest_call() + kGrace)
                    << broken("`send` is bounded by the plugin's time-outs");
                if (failure) {
                    EXPECT_TRUE(is_of_the_line(failure)) << to_string(*failure) << broken("NotConnected or Timeout for the line");
                }
                return failure.has_value();
            },
            60s);
        EXPECT_TRUE(has_failed) << broken("a dead line shows: NotConnected or Timeout");
    }
    LineFaults* faults_ = nullptr;
};

TEST_F(TransportFaults, ACutLineIsToldAndComesBack) {
    for (int round = 0; round < 3; ++round) {
        faults_->cut();
        expect_failures([&] { send(from_node(Command::Update, "cut")); });
        if (down().sends_unasked) expect_failures([&] { tell(kNode, from_cloud(Command::Update, "cut")); });
        faults_->restore();
        EXPECT_TRUE(flows_again()) << round;
    }
}

TEST_F(TransportFaults, ASilentLineEndsACallInItsTime) {
    if (!up().send_is_answered) GTEST_SKIP() << "nothing waits for an answer";
    if (!faults_->silence()) GTEST_SKIP() << "nothing here can silence the line (--server can)";
    expect_failures([&] { send(from_node(Command::Update, "silent")); });
    faults_->restore();
    EXPECT_TRUE(flows_again());
}

TEST_F(TransportFaults, APushThatBreaksIsNotTakenForAll) {
    if (!up().pushes_data) GTEST_SKIP() << "the transport does not push";
    struct SlowBlob : MemoryBlob {
        SlowBlob(std::vector<std::byte> octets, Middle& middle) : MemoryBlob(std::move(octets)), middle_(middle) {}
        std::size_t read(std::int64_t offset, std::span<std::byte> out) override {
            if (offset > kSize / 2) middle_.pass();
            return MemoryBlob::read(offset, out);
        }
        Middle& middle_;
    };
    Middle middle;
    SlowBlob source(octets(1, static_cast<std::size_t>(kSize)), middle);
    auto pushing = std::async(std::launch::async, [&] {
        return failure_of([&] { ess().transport().push(kCloud, {object_key("push"), kInstance, kInstance, 0, 0, kSize}, source, ""); });
    });
    ASSERT_TRUE(
        css().host().await([](const Seen& seen) { return !seen.uploads.empty() && seen.uploads.back().octets.size() > kSize / 4; }));
    faults_->cut();
    middle.is_cut();
    ASSERT_EQ(pushing.wait_for(environment().longest_call() + kGrace), std::future_status::ready);
    EXPECT_TRUE(is_of_the_line(pushing.get()));
    EXPECT_TRUE(css().host().await([](const Seen& seen) { return seen.uploads.back().is_aborted; }, 90s))
        << broken("an upload that does not come to its end is aborted");
    EXPECT_FALSE(css().host().see([](const Seen& seen) { return seen.uploads.back().is_finished; }));
    faults_->restore();
    EXPECT_TRUE(flows_again());
}

TEST_F(TransportFaults, AFetchThatBreaksThrows) {
    if (!up().fetches_data) GTEST_SKIP() << "the transport does not fetch";
    struct SlowSink : DataSink {
        explicit SlowSink(Middle& middle) : middle_(middle) {}
        bool begin(bool, std::int64_t, const std::string&) override { return true; }
        bool write(std::span<const std::byte> more) override {
            count += static_cast<std::int64_t>(more.size());
            if (count > kSize / 4) middle_.pass();
            return true;
        }
        Middle& middle_;
        std::atomic<std::int64_t> count{0};
    };
    Middle middle;
    css().host().offer(object_key("fetch"), kInstance, octets(1, static_cast<std::size_t>(kSize)), "");
    SlowSink sink(middle);
    auto fetching = std::async(std::launch::async, [&] {
        return failure_of([&] { ess().transport().fetch(kCloud, {object_key("fetch"), kInstance, kInstance, 0, 0, kSize}, sink); });
    });
    ASSERT_TRUE(eventually([&] { return sink.count > kSize / 4; }));
    faults_->cut();
    middle.is_cut();
    ASSERT_EQ(fetching.wait_for(environment().longest_call() + kGrace), std::future_status::ready);
    EXPECT_TRUE(is_of_the_line(fetching.get()));
    EXPECT_LT(sink.count, kSize);
}

TEST_F(TransportFaults, ANodeStartsWithoutItsLine) {
    for (TestNode* const node : {&ess(), &css()}) {
        node->stop();
        faults_->cut();
        const auto began = std::chrono::steady_clock::now();
        node->start();
        EXPECT_LT(std::chrono::steady_clock::now() - began, 5s) << broken("`start` must not wait for peers");
        faults_->restore();
        ASSERT_NO_FATAL_FAILURE(connect(ess()));
        EXPECT_TRUE(flows_again());
    }
}

class TransportRestart : public TransportTest {};

TEST_F(TransportRestart, MessagesFlowAfterANodeStartedAgain) {
    for (int round = 0; round < 3; ++round) {
        ess().stop();
        ess().start();
        ASSERT_NO_FATAL_FAILURE(connect(ess()));
        EXPECT_TRUE(flows_again()) << round;
    }
}

TEST_F(TransportRestart, MessagesFlowAfterTheCloudStartedAgain) {
    for (int round = 0; round < 3; ++round) {
        css().stop();
        css().start();
        ASSERT_NO_FATAL_FAILURE(connect(ess()));
        EXPECT_TRUE(flows_again()) << round;
    }
}

TEST_F(TransportRestart, MessagesFlowAfterBothStartedAgain) {
    css().stop();
    ess().stop();
    ess().start();
    css().start();
    ASSERT_NO_FATAL_FAILURE(connect(ess()));
    EXPECT_TRUE(flows_again());
}

}  // namespace
}  // namespace edgesync::conformance
