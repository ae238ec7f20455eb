#include "kernel/packet_line/chunk_fetch.h"

#include <gtest/gtest.h>

#include <future>

#include "edgesync/sdk/error.h"
#include "kernel/data/transfer.h"

namespace edgesync {
namespace {

using packet_line::ChunkFetch;

constexpr std::chrono::seconds kLimit{10};
const ObjectKey kKey{"acme", "model", "m1"};

/// Asks, and lets the test bring the answers.
class ChunkFetchTest : public ::testing::Test {
protected:
    ChunkFetchTest() {
        context_.role = NodeRole::Ess;
        context_.self = {"acme", "camera", "cam1"};
        context_.resend_interval = std::chrono::seconds(1);
    }

    std::future<PeerAnswer> fetch(DataSink& sink, std::int64_t offset, std::int64_t length, std::int64_t total) {
        DataRequest request{kKey, 7, 7, offset, length, total};
        return std::async(std::launch::async, [this, request, &sink] { return fetch_.fetch(request, sink); });
    }

    /// The offset of the next request.
    std::int64_t asked() {
        std::unique_lock lock(mutex_);
        if (!changed_.wait_for(lock, kLimit, [this] { return !asked_.empty(); })) return -1;
        const std::int64_t offset = asked_.front();
        asked_.erase(asked_.begin());
        return offset;
    }

    Verdict bring(std::int64_t offset, const std::string& octets, InstanceId instance = 7) {
        DataRequest arrived;
        arrived.key = kKey;
        arrived.instance_id = instance;
        arrived.offset = offset;
        arrived.length = static_cast<std::int64_t>(octets.size());
        const auto receiver = fetch_.receiver(arrived);
        const auto started = receiver->start();
        if (started.verdict != Verdict::Accepted) return started.verdict;
        receiver->write(std::as_bytes(std::span(octets)));
        receiver->finish([](const HandleResult&) {});
        return Verdict::Accepted;
    }

    rules::NodeContext context_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::int64_t> asked_;
    bool is_line_down_ = false;
    ChunkFetch fetch_{context_, [this](const Message& message) {
                          if (is_line_down_) throw Error(ErrorKind::NotConnected, "no line");
                          const std::lock_guard lock(mutex_);
                          asked_.push_back(message.offset);
                          changed_.notify_all();
                      }};
};

TEST_F(ChunkFetchTest, GivesWhatArrives) {
    data::MemorySink sink(5);
    auto answer = fetch(sink, 0, 0, 5);
    EXPECT_EQ(asked(), 0);
    EXPECT_EQ(bring(0, "hello"), Verdict::Accepted);
    EXPECT_EQ(answer.get().verdict, Verdict::Accepted);
    EXPECT_EQ(sink.octets(), "hello");
}

TEST_F(ChunkFetchTest, IgnoresWhatNobodyWaitsFor) {
    EXPECT_EQ(bring(0, "hello"), Verdict::Ignored);
    data::MemorySink sink(5);
    auto answer = fetch(sink, 0, 0, 5);
    EXPECT_EQ(asked(), 0);
    EXPECT_EQ(bring(5, "other"), Verdict::Ignored) << "another offset";
    EXPECT_EQ(bring(0, "stale", 6), Verdict::Ignored) << "another version";
    EXPECT_EQ(bring(0, "hello"), Verdict::Accepted);
    EXPECT_EQ(bring(0, "again"), Verdict::Ignored) << "a repetition";
    answer.get();
    EXPECT_EQ(sink.octets(), "hello");
}

TEST_F(ChunkFetchTest, AsksForTheRestWhenTheSendersChunksAreSmaller) {
    data::MemorySink sink(6);
    auto answer = fetch(sink, 10, 6, 100);
    EXPECT_EQ(asked(), 10);
    bring(10, "abcd");
    EXPECT_EQ(asked(), 14);
    bring(14, "ef");
    EXPECT_EQ(answer.get().verdict, Verdict::Accepted);
    EXPECT_EQ(sink.octets(), "abcdef");
}

TEST_F(ChunkFetchTest, TakesNoMoreThanItAskedForWhenTheyAreLarger) {
    data::MemorySink sink(3);
    auto answer = fetch(sink, 10, 3, 100);
    EXPECT_EQ(asked(), 10);
    bring(10, "abcdefgh");
    EXPECT_EQ(answer.get().verdict, Verdict::Accepted);
    EXPECT_EQ(sink.octets(), "abc");
}

TEST_F(ChunkFetchTest, TakesAnEmptyObject) {
    data::MemorySink sink(0);
    auto answer = fetch(sink, 0, 0, 0);
    EXPECT_EQ(asked(), 0);
    bring(0, "");
    EXPECT_EQ(answer.get().verdict, Verdict::Accepted);
}

TEST_F(ChunkFetchTest, AsksAgainForWhatIsLost) {
    data::MemorySink sink(5);
    auto answer = fetch(sink, 0, 0, 5);
    EXPECT_EQ(asked(), 0);
    EXPECT_EQ(asked(), 0);
    bring(0, "hello");
    EXPECT_EQ(answer.get().verdict, Verdict::Accepted);
}

TEST_F(ChunkFetchTest, GivesUpWhenNobodyAnswers) {
    context_.resend_interval = std::chrono::seconds(0);
    data::MemorySink sink(5);
    try {
        fetch(sink, 0, 0, 5).get();
        FAIL() << "it did not give up";
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::Timeout);
    }
}

TEST_F(ChunkFetchTest, EndsWhenTheOriginDoesNotHaveIt) {
    data::MemorySink sink(5);
    auto answer = fetch(sink, 0, 0, 5);
    EXPECT_EQ(asked(), 0);
    fetch_.refused(kKey, 6, true, "another version");
    fetch_.refused(kKey, 7, true, "gone");
    const auto result = answer.get();
    EXPECT_EQ(result.verdict, Verdict::NotFound);
    EXPECT_EQ(result.reason, "gone");
}

TEST_F(ChunkFetchTest, WhatTheOriginCannotReadJustNowIsTriedAgainLater) {
    data::MemorySink sink(5);
    auto answer = fetch(sink, 0, 0, 5);
    EXPECT_EQ(asked(), 0);
    fetch_.refused(kKey, 7, false, "the disk is busy");
    try {
        answer.get();
        FAIL() << "that is no answer";
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::NotConnected) << "which the fetcher repeats";
    }
}

TEST_F(ChunkFetchTest, EndsWithTheLine) {
    data::MemorySink sink(5);
    auto answer = fetch(sink, 0, 0, 5);
    EXPECT_EQ(asked(), 0);
    fetch_.line_lost();
    EXPECT_THROW(answer.get(), Error);
    is_line_down_ = true;
    EXPECT_THROW(fetch(sink, 0, 0, 5).get(), Error);
    is_line_down_ = false;
    auto again = fetch(sink, 0, 0, 5);
    EXPECT_EQ(asked(), 0);
    bring(0, "hello");
    EXPECT_EQ(again.get().verdict, Verdict::Accepted);
}

TEST_F(ChunkFetchTest, WhatTheSinkThrowsReachesTheOneThatFetches) {
    class FullDisk : public DataSink {
    public:
        bool begin(bool, std::int64_t, const std::string&) override { return true; }
        bool write(std::span<const std::byte>) override { throw Error(ErrorKind::NoSpace, "full"); }
    } sink;
    auto answer = fetch(sink, 0, 0, 5);
    EXPECT_EQ(asked(), 0);
    bring(0, "hello");
    try {
        answer.get();
        FAIL() << "nothing was thrown";
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::NoSpace);
    }
}

}  // namespace
}  // namespace edgesync
