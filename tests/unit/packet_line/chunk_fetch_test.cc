#include "kernel/packet_line/chunk_fetch.h"

#include <gtest/gtest.h>

#include <future>

#include "edgesync/sdk/error.h"
#include "kernel/data/transfer.h"
#include "kernel/packet_line/pieces.h"

namespace edgesync {
namespace {

using packet_line::ChunkFetch;

constexpr std::chrono::seconds kLimit{30};
const ObjectKey kKey{"acme", "model", "m1"};

/// Asks, and lets the test bring the answers.
class ChunkFetchTest : public ::testing::Test {
protected:
    ChunkFetchTest() {
        context_.role = NodeRole::Ess;
        context_.self = {"acme", "camera", "cam1"};
        context_.resend_interval = std::chrono::minutes(5);  // A slow test must not be asked twice.
    }

    std::future<PeerAnswer> fetch(DataSink& sink, std::int64_t offset, std::int64_t length, std::int64_t total) {
        DataRequest request{kKey, 7, 7, offset, length, total};
        return std::async(std::launch::async, [this, request, &sink] { return fetch_.fetch(request, sink); });
    }

    Message request() {
        std::unique_lock lock(mutex_);
        if (!changed_.wait_for(lock, kLimit, [this] { return !asked_.empty(); })) return Message{};
        const Message message = asked_.front();
        asked_.erase(asked_.begin());
        return message;
    }

    /// The offset of the next request.
    std::int64_t asked() {
        const Message message = request();
        return message.command == Command::GetData ? message.offset : -1;
    }

    bool is_anything_asked() {
        const std::lock_guard lock(mutex_);
        return !asked_.empty();
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
    std::vector<Message> asked_;
    bool is_line_down_ = false;
    ChunkFetch fetch_{context_, [this](const Message& message) {
                          if (is_line_down_) throw Error(ErrorKind::NotConnected, "no line");
                          const std::lock_guard lock(mutex_);
                          asked_.push_back(message);
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

TEST_F(ChunkFetchTest, AnObjectThatIsAskedForAsAWholeComesInChunksAllTheSame) {
    context_.max_chunk_size = 4;
    data::MemorySink sink(6);
    auto answer = fetch(sink, 0, 0, 6);
    const Message first = request();
    EXPECT_EQ(first.offset, 0);
    EXPECT_EQ(first.meta.chunk_size, 4);
    bring(0, "abcd");
    EXPECT_EQ(asked(), 4);
    bring(4, "ef");
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
    context_.resend_interval = std::chrono::seconds(1);
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

/// Lets nothing be stored before the test wants it.
class SlowSink : public DataSink {
public:
    bool begin(bool, std::int64_t, const std::string&) override { return true; }
    bool write(std::span<const std::byte>) override {
        is_storing_.set_value();
        may_store_.get_future().wait();
        return true;
    }
    void wait_until_storing() { is_storing_.get_future().wait(); }
    void store() { may_store_.set_value(); }

private:
    std::promise<void> is_storing_;
    std::promise<void> may_store_;
};

TEST_F(ChunkFetchTest, AsksForTheNextChunkWhileOneThatHasArrivedIsStored) {
    SlowSink first;
    auto one = fetch(first, 0, 5, 10);
    EXPECT_EQ(asked(), 0);
    bring(0, "hello");
    first.wait_until_storing();
    data::MemorySink second(5);
    auto two = fetch(second, 5, 5, 10);
    EXPECT_EQ(asked(), 5);
    bring(5, "world");
    EXPECT_EQ(two.get().verdict, Verdict::Accepted);
    first.store();
    EXPECT_EQ(one.get().verdict, Verdict::Accepted);
}

TEST_F(ChunkFetchTest, HasNoMoreChunksOfAnObjectUnderWayThanItMay) {
    context_.chunks_in_flight = 2;
    std::vector<std::unique_ptr<data::MemorySink>> sinks;
    std::vector<std::future<PeerAnswer>> answers;
    for (int i = 0; i < 5; ++i) {
        sinks.push_back(std::make_unique<data::MemorySink>(1));
        answers.push_back(fetch(*sinks.back(), i, 1, 5));
    }
    std::vector<std::int64_t> under_way{asked(), asked()};
    for (int i = 0; i < 3; ++i) {
        EXPECT_FALSE(is_anything_asked());
        bring(under_way.back(), "x");
        under_way.back() = asked();
        EXPECT_GE(under_way.back(), 0);
    }
    for (const auto offset : under_way) bring(offset, "x");
    for (auto& answer : answers) EXPECT_EQ(answer.get().verdict, Verdict::Accepted);
}

TEST_F(ChunkFetchTest, TheOctetsThatTheSinkGetsBeginAtAPage) {
    class Looking : public DataSink {
    public:
        bool begin(bool, std::int64_t, const std::string&) override { return true; }
        bool write(std::span<const std::byte> octets) override {
            is_aligned = reinterpret_cast<std::uintptr_t>(octets.data()) % 4096 == 0;
            return true;
        }
        bool is_aligned = false;
    } sink;
    auto answer = fetch(sink, 0, 0, 5);
    EXPECT_EQ(asked(), 0);
    bring(0, "hello");
    answer.get();
    EXPECT_TRUE(sink.is_aligned) << "or a store could not write them past the page cache";
}

class PiecesTest : public ChunkFetchTest {
protected:
    PiecesTest() {
        fetch_.set_gives_pieces(true);
        for (std::size_t i = 0; i < octets_.size(); ++i) octets_[i] = static_cast<char>(i * 7 / 1000);
    }

    Verdict bring_piece(std::int64_t number) {
        const std::int64_t offset = number * packet_line::kPiece;
        return bring(offset, octets_.substr(static_cast<std::size_t>(offset), static_cast<std::size_t>(packet_line::kPiece)));
    }

    std::string octets_ = std::string(300'000, ' ');
    data::MemorySink sink_{300'000};
};

TEST_F(PiecesTest, AreAskedForTogetherAndPutTogetherInWhateverOrderTheyCome) {
    auto answer = fetch(sink_, 0, 300'000, 300'000);
    const Message question = request();
    EXPECT_EQ(question.offset, 0);
    EXPECT_EQ(question.meta.chunk_size, 300'000);
    EXPECT_EQ(question.capabilities, std::vector<std::string>{"pieces"});
    EXPECT_EQ(bring_piece(1), Verdict::Accepted);
    EXPECT_EQ(bring_piece(2), Verdict::Accepted);
    EXPECT_EQ(bring_piece(1), Verdict::Ignored) << "a repetition";
    EXPECT_EQ(bring_piece(0), Verdict::Accepted);
    EXPECT_EQ(answer.get().verdict, Verdict::Accepted);
    EXPECT_EQ(sink_.octets(), octets_);
    EXPECT_FALSE(is_anything_asked());
}

TEST_F(PiecesTest, OfTheNextChunkAreAskedForWhenMostOfOneHaveCome) {
    auto answer = fetch(sink_, 0, 300'000, 600'000);
    EXPECT_EQ(asked(), 0);
    data::MemorySink next(300'000);
    auto other = fetch(next, 300'000, 300'000, 600'000);
    bring_piece(0);
    EXPECT_FALSE(is_anything_asked());
    bring_piece(1);
    EXPECT_EQ(asked(), 300'000);
    bring_piece(2);
    EXPECT_EQ(answer.get().verdict, Verdict::Accepted);
    bring(300'000, octets_);
    EXPECT_EQ(other.get().verdict, Verdict::Accepted);
}

TEST_F(PiecesTest, ThatGotLostAreAskedForAgainAlone) {
    context_.resend_interval = std::chrono::seconds(1);
    auto answer = fetch(sink_, 0, 300'000, 300'000);
    EXPECT_EQ(asked(), 0);
    EXPECT_EQ(bring_piece(0), Verdict::Accepted);
    EXPECT_EQ(bring_piece(2), Verdict::Accepted);
    const Message question = request();
    EXPECT_EQ(question.offset, packet_line::kPiece);
    EXPECT_EQ(question.meta.chunk_size, packet_line::kPiece);
    EXPECT_EQ(bring_piece(1), Verdict::Accepted);
    EXPECT_EQ(answer.get().verdict, Verdict::Accepted);
    EXPECT_EQ(sink_.octets(), octets_);
}

TEST_F(PiecesTest, MayComeAsOneMessageAllTheSame) {
    auto answer = fetch(sink_, 0, 300'000, 300'000);
    EXPECT_EQ(asked(), 0);
    EXPECT_EQ(bring(0, octets_ + "padding"), Verdict::Accepted);
    EXPECT_EQ(answer.get().verdict, Verdict::Accepted);
    EXPECT_EQ(sink_.octets(), octets_);
}

TEST_F(PiecesTest, AreNotAskedForWhenTheCssDoesNotGiveThem) {
    fetch_.set_gives_pieces(false);
    auto answer = fetch(sink_, 0, 300'000, 300'000);
    EXPECT_TRUE(request().capabilities.empty());
    EXPECT_EQ(bring_piece(1), Verdict::Ignored) << "nobody asked for it yet";
    EXPECT_EQ(bring(0, octets_), Verdict::Accepted);
    answer.get();
}

TEST_F(PiecesTest, OfALargeChunkAreAskedForNoMoreThanMayBeUnderWay) {
    constexpr std::int64_t kMost = packet_line::kMaxPieces * packet_line::kPiece;
    constexpr std::int64_t kSize = kMost + 2 * packet_line::kPiece;
    context_.max_chunk_size = kSize;
    const std::string octets(static_cast<std::size_t>(kSize), 'x');
    data::MemorySink sink(kSize);
    auto answer = fetch(sink, 0, kSize, kSize);
    EXPECT_EQ(request().meta.chunk_size, kMost);
    EXPECT_EQ(bring(0, octets.substr(0, kMost)), Verdict::Accepted);
    const Message rest = request();
    EXPECT_EQ(rest.offset, kMost);
    EXPECT_EQ(rest.meta.chunk_size, kSize - kMost);
    EXPECT_EQ(bring(kMost, octets.substr(kMost)), Verdict::Accepted);
    EXPECT_EQ(answer.get().verdict, Verdict::Accepted);
    EXPECT_EQ(sink.octets(), octets);
}

TEST_F(PiecesTest, OfFewChunksAreUnderWayAtOnceHoweverManyChunksMayBe) {
    context_.chunks_in_flight = 64;
    context_.max_chunk_size = 40 * packet_line::kPiece;
    std::vector<std::unique_ptr<data::MemorySink>> sinks;
    std::vector<std::future<PeerAnswer>> answers;
    for (int i = 0; i < 3; ++i) {
        sinks.push_back(std::make_unique<data::MemorySink>(context_.max_chunk_size));
        answers.push_back(fetch(*sinks.back(), i * context_.max_chunk_size, context_.max_chunk_size, 1 << 30));
    }
    asked();
    asked();
    EXPECT_FALSE(is_anything_asked()) << "brokers throw away what is too much";
    fetch_.stop();
    for (auto& answer : answers) EXPECT_THROW(answer.get(), Error);
}

}  // namespace
}  // namespace edgesync
