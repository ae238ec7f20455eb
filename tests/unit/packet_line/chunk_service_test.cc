#include "kernel/packet_line/chunk_service.h"

#include "kernel/packet_line/pieces.h"
#include "tests/unit/packet_line/packet_fixture.h"

namespace edgesync {
namespace {

class Text : public BlobReader {
public:
    explicit Text(const std::string& octets, int* reads = nullptr) : octets_(octets), reads_(reads) {}
    std::int64_t size() const override { return static_cast<std::int64_t>(octets_.size()); }
    std::size_t read(std::int64_t offset, std::span<std::byte> out) override {
        if (reads_ != nullptr) ++*reads_;
        const auto rest = std::as_bytes(std::span(octets_)).subspan(static_cast<std::size_t>(offset));
        const std::size_t count = std::min(rest.size(), out.size());
        std::copy_n(rest.begin(), count, out.begin());
        return count;
    }

private:
    const std::string& octets_;
    int* const reads_;
};

class ChunkServiceTest : public testing::PacketTest {
protected:
    ChunkServiceTest() {
        register_node(cam1_, "mqtt");
        context_.max_chunk_size = 10;
    }

    void publish_octets(const std::string& octets) {
        publish(metadata("m1"), octets);
        do_work();
        question_.command = Command::GetData;
        question_.meta = object("m1")->meta;
        question_.meta.destination_type = "camera";
        question_.meta.destination_id = "cam1";
    }

    HandleResult ask(std::int64_t offset, std::int32_t chunk = 10, const NodeKey* peer = nullptr) {
        question_.offset = offset;
        question_.meta.chunk_size = chunk;
        std::promise<HandleResult> done;
        service_->serve(line_, peer != nullptr ? *peer : cam1_, question_,
                        [&done](HandleResult result) { done.set_value(std::move(result)); });
        return done.get_future().get();
    }

    void expect_refused(const HandleResult& result, std::int32_t code) {
        EXPECT_NE(result.verdict, Verdict::Accepted);
        ASSERT_EQ(result.replies.size(), 1U);
        EXPECT_EQ(result.replies[0].command, Command::Feedback);
        EXPECT_EQ(result.replies[0].feedback.code, code);
        EXPECT_TRUE(result.replies[0].feedback.from_origin);
        EXPECT_EQ(result.replies[0].meta.destination_id, "cam1");
        EXPECT_EQ(result.replies[0].meta.origin_id, "Cloud");
    }

    OpenedData open(const ObjectRecord& object) {
        ++opened_;
        OpenedData data;
        store_->read([&](ReadTransaction& txn) { data.reader = txn.open_blob(*object.data); });
        return data;
    }

    int opened_ = 0;
    Message question_;
    std::unique_ptr<packet_line::ChunkService> service_ = std::make_unique<packet_line::ChunkService>(
        context_, *operations_, scheduler_, [this](const ObjectRecord& object) { return open(object); });
};

TEST_F(ChunkServiceTest, SendsTheChunkThatIsAskedFor) {
    publish_octets("0123456789abcdefghijklm");
    struct Row {
        std::int64_t offset;
        std::int32_t chunk;
        const char* octets;
    };
    const std::vector<Row> rows = {{0, 10, "0123456789"}, {20, 10, "klm"},        {10, 4, "abcd"},
                                   {3, 10, "3456789abc"}, {0, 100, "0123456789"}, {0, 0, "0123456789"}};
    for (const Row& row : rows) {
        EXPECT_EQ(ask(row.offset, row.chunk).verdict, Verdict::Accepted) << row.octets;
        const auto sent = line_.pushed().back();
        EXPECT_EQ(sent.octets, row.octets);
        EXPECT_EQ(sent.peer, cam1_);
        EXPECT_EQ(sent.request.offset, row.offset);
        EXPECT_EQ(sent.request.total, 23);
    }
    EXPECT_EQ(line_.pushed().size(), rows.size()) << "exactly one message for each question";
    EXPECT_EQ(notification_status("m1", cam1_), NotificationStatus::Data);
    EXPECT_EQ(opened_, 1) << "the questions about one object follow each other";
}

TEST_F(ChunkServiceTest, SendsNoMoreThanTheLineTakes) {
    publish_octets("0123456789abc");
    line_.largest = 6;
    ask(0);
    EXPECT_EQ(line_.pushed().back().octets, "012345");
}

/// One worker, and no room for more work when the test says so.
class OneWorker : public node::NodeScheduler {
public:
    using NodeScheduler::NodeScheduler;
    bool work(std::function<void()> function) override { return !is_full && NodeScheduler::work(std::move(function)); }
    std::atomic<bool> is_full{false};
};

class ChunkServicePiecesTest : public ChunkServiceTest {
protected:
    ChunkServicePiecesTest() {
        stops_.emplace_back([this] {
            worker_.stop();
            service_.reset();
        });
        context_.max_chunk_size = 300'000;
        publish_octets("a record");
        question_.capabilities = {"other", "pieces"};
        service_ = std::make_unique<packet_line::ChunkService>(context_, *operations_, one_worker_, [this](const ObjectRecord&) {
            OpenedData data;
            data.reader = std::make_unique<Text>(octets_, &reads_);
            return data;
        });
        resize(300'000);
    }

    void resize(std::int64_t size) {
        octets_.resize(static_cast<std::size_t>(size));
        for (std::size_t i = 0; i < octets_.size(); ++i) octets_[i] = static_cast<char>(i * 7 / 1000);
    }

    /// From the piece with that number on, which must follow each other from `offset` on.
    std::string together(std::size_t first, std::int64_t offset) {
        std::string all;
        const auto pushed = line_.pushed();
        for (std::size_t i = first; i < pushed.size(); ++i) {
            EXPECT_EQ(pushed[i].request.offset, offset + static_cast<std::int64_t>(all.size()));
            EXPECT_LE(pushed[i].request.length, line_.largest > 0 ? line_.largest : packet_line::kPiece);
            all += pushed[i].octets;
        }
        return all;
    }

    static constexpr std::chrono::milliseconds kSlow{600};

    std::string octets_;
    int reads_ = 0;
    ops::WorkerPool worker_{1};
    OneWorker one_worker_{io_, worker_, log_};
};

TEST_F(ChunkServicePiecesTest, AreForThoseWhoTakeThem) {
    for (const std::int64_t largest : {0, 100'000}) {
        const std::size_t before = line_.pushed().size();
        line_.largest = largest;
        EXPECT_EQ(ask(1000, 290'000).verdict, Verdict::Accepted);
        EXPECT_EQ(together(before, 1000), octets_.substr(1000, 290'000));
        EXPECT_EQ(line_.pushed().size() - before, 3U);
    }
    question_.capabilities.clear();
    line_.largest = 0;
    EXPECT_EQ(ask(0, 300'000).verdict, Verdict::Accepted);
    EXPECT_EQ(line_.pushed().back().octets, octets_) << "a traditional receiver takes one message for each question";
}

TEST_F(ChunkServicePiecesTest, AreAllThatIsAskedForHoweverSmallTheOwnChunksAre) {
    context_.max_chunk_size = 100'000;
    EXPECT_EQ(ask(0, 300'000).verdict, Verdict::Accepted);
    EXPECT_EQ(together(0, 0), octets_) << "who asks waits for all of it";
}

TEST_F(ChunkServicePiecesTest, AreNoMoreThanMayBeUnderWay) {
    resize((packet_line::kMaxPieces + 1) * packet_line::kPiece);
    EXPECT_EQ(ask(0, static_cast<std::int32_t>(octets_.size())).verdict, Verdict::Accepted);
    EXPECT_EQ(together(0, 0), octets_.substr(0, packet_line::kMaxPieces * packet_line::kPiece));
}

TEST_F(ChunkServicePiecesTest, AreCutFromWhatIsReadAtOnce) {
    EXPECT_EQ(ask(0, 300'000).verdict, Verdict::Accepted);
    EXPECT_EQ(reads_, 1);
    reads_ = 0;
    resize(20 * packet_line::kPiece);
    EXPECT_EQ(ask(0, static_cast<std::int32_t>(octets_.size())).verdict, Verdict::Accepted);
    EXPECT_EQ(together(3, 0), octets_);
    EXPECT_LE(reads_, 3) << "a store gives a megabyte as fast as a piece";
}

TEST_F(ChunkServicePiecesTest, OfASlowLineLeaveTheWorkerToOthersAfterEach) {
    std::vector<std::string> order;
    line_.on_push = [&](const DataRequest&) {
        order.emplace_back("piece");
        if (order.size() > 1) return;
        one_worker_.work([&] { order.emplace_back("other"); });
        std::this_thread::sleep_for(kSlow);
    };
    EXPECT_EQ(ask(0, 300'000).verdict, Verdict::Accepted);
    EXPECT_EQ(order, (std::vector<std::string>{"piece", "other", "piece", "piece"}));
    EXPECT_EQ(together(0, 0), octets_);
}

TEST_F(ChunkServicePiecesTest, ThatThereIsNoRoomForAreLeftToTheNextQuestion) {
    line_.on_push = [&](const DataRequest&) {
        one_worker_.is_full = true;
        std::this_thread::sleep_for(kSlow);
    };
    EXPECT_EQ(ask(0, 300'000).verdict, Verdict::Busy);
    EXPECT_EQ(together(0, 0), octets_.substr(0, packet_line::kPiece));
}

TEST_F(ChunkServicePiecesTest, ThatTheLineDoesNotTakeEndTheAnswer) {
    line_.on_push = [&](const DataRequest& request) {
        if (request.offset > 0) throw Error(ErrorKind::NotConnected, "no line");
    };
    EXPECT_EQ(ask(0, 300'000).verdict, Verdict::Unavailable);
    EXPECT_EQ(line_.pushed().size(), 2U);
}

TEST_F(ChunkServiceTest, AnEmptyObjectHasOneEmptyChunk) {
    publish_octets("");
    EXPECT_EQ(ask(0).verdict, Verdict::Accepted);
    EXPECT_EQ(line_.pushed().back().octets, "");
    expect_refused(ask(1), 5);
}

TEST_F(ChunkServiceTest, RefusesWhatItDoesNotHave) {
    publish_octets("0123456789abc");
    expect_refused(ask(13), 5);
    expect_refused(ask(-1), 5);
    Message right = question_;
    question_.meta.instance_id -= 1;
    expect_refused(ask(0), 5);
    question_ = right;
    question_.meta.object_id = "nothing";
    expect_refused(ask(0), 5);
    EXPECT_TRUE(line_.pushed().empty());
}

TEST_F(ChunkServiceTest, SaysNothingToNodesThatItDoesNotKnowAndNothingToThoseThatAreNotAddressed) {
    publish_octets("0123456789abc");
    const NodeKey stranger{"acme", "camera", "stranger"};
    EXPECT_EQ(ask(0, 10, &stranger).verdict, Verdict::UnknownPeer);
    EXPECT_TRUE(line_.pushed().empty());
    in_transaction([&](WriteTransaction& txn, rules::Effects&) { txn.put_destination({cam2_, "mqtt", "1.0", now_, true}); });
    EXPECT_EQ(ask(0, 10, &cam2_).verdict, Verdict::NotFound);
    EXPECT_TRUE(line_.pushed().empty());
}

TEST_F(ChunkServiceTest, TellsThatTheOctetsCannotBeRead) {
    publish_octets("0123456789abc");
    service_ = std::make_unique<packet_line::ChunkService>(
        context_, *operations_, scheduler_, [](const ObjectRecord&) -> OpenedData { throw Error(ErrorKind::Io, "the disk is gone"); });
    expect_refused(ask(0), 2);
}

}  // namespace
}  // namespace edgesync
