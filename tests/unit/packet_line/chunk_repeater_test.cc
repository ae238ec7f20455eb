#include "kernel/packet_line/chunk_repeater.h"

#include <gmock/gmock.h>

#include <set>

#include "tests/unit/packet_line/packet_fixture.h"

namespace edgesync {
namespace {

using ::testing::ElementsAre;
using testing::eventually;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class KeptLog : public testing::QuietLog {
public:
    void log(LogLevel, std::string_view text) noexcept override {
        const std::lock_guard lock(mutex_);
        lines_.emplace_back(text);
    }
    std::vector<std::string> lines() {
        const std::lock_guard lock(mutex_);
        return lines_;
    }

private:
    std::mutex mutex_;
    std::vector<std::string> lines_;
};

class ChunkRepeater : public testing::PacketTest {
protected:
    ChunkRepeater() {
        context_.resend_interval = std::chrono::seconds(0);  // What has not moved since the look before is asked for.
        register_node(cam1_, "mqtt");
        dispatcher_.add("mqtt", line_);
        stops_.emplace_back([this] { dispatcher_.stop(); });
    }

    void announce(const NodeKey& node, const std::string& id = "m1", std::int64_t size = 25, InstanceId instance = 1) {
        const auto result = receive(node, Command::Update, brought_by(node, id, instance, size));
        ASSERT_EQ(result.verdict, Verdict::Accepted) << result.reason;
    }
    void stage(std::vector<ByteRange> ranges) { RuleTest::stage({"acme", "model", "m1"}, std::move(ranges)); }

    /// "org node object offset" of each request that was made since the last call.
    std::vector<std::string> asked() {
        // The messages for a node keep their order, so these come after what it was sent before.
        std::set<NodeKey> nodes;
        store_->read([&](ReadTransaction& txn) {
            for (const char* org : {"acme", "other"}) {
                for (const auto& node : txn.destinations(org, "", "", 100).items) {
                    if (node.protocol == "mqtt") nodes.insert(node.node);
                }
            }
        });
        Message mark;
        mark.command = Command::RegAck;
        for (const auto& node : nodes) dispatcher_.send_message(node, mark);
        EXPECT_TRUE(eventually([&] { return count_of(Command::RegAck) == (marks_ + nodes.size()); }));
        marks_ += nodes.size();
        std::vector<std::string> requests;
        const auto sent = line_.sent();
        for (; seen_ < sent.size(); ++seen_) {
            const auto& [peer, said] = sent[seen_];
            if (said.command != Command::GetData) continue;
            requests.push_back(peer.org + " " + peer.id + " " + said.meta.object_id + " " + std::to_string(said.offset));
        }
        return requests;
    }

    std::vector<std::string> look() {
        repeater_.look();
        return asked();
    }

    packet_line::Dispatcher dispatcher_{context_, *operations_, scheduler_, log_};
    packet_line::ChunkRepeater repeater_{context_, *operations_, dispatcher_, log_};

private:
    std::size_t count_of(Command command) {
        std::size_t found = 0;
        for (const auto& sent : line_.sent()) found += sent.message.command == command ? 1 : 0;
        return found;
    }

    std::size_t marks_ = 0;
    std::size_t seen_ = 0;
};

TEST_F(ChunkRepeater, AsksForWhatHasNotMovedSinceTheLookBefore) {
    announce(cam1_);
    EXPECT_THAT(look(), IsEmpty()) << "the request may be on its way";
    EXPECT_THAT(look(), ElementsAre("acme cam1 m1 0"));
    stage({{0, 10}});
    EXPECT_THAT(look(), IsEmpty()) << "a chunk has come";
    EXPECT_THAT(look(), ElementsAre("acme cam1 m1 10"));
    stage({{0, 10}, {20, 25}});
    EXPECT_THAT(look(), IsEmpty());
    EXPECT_THAT(look(), ElementsAre("acme cam1 m1 10"));
}

TEST_F(ChunkRepeater, AsksForAsManyChunksAsMayBeUnderWay) {
    context_.chunks_in_flight = 2;
    announce(cam1_, "m1", 45);
    stage({{10, 20}});
    look();
    EXPECT_THAT(look(), ElementsAre("acme cam1 m1 0", "acme cam1 m1 30"));
}

TEST_F(ChunkRepeater, ANewVersionHasItsOwnTime) {
    announce(cam1_);
    look();
    announce(cam1_, "m1", 25, 2);
    EXPECT_THAT(look(), IsEmpty());
    EXPECT_THAT(look(), ElementsAre("acme cam1 m1 0"));
}

TEST_F(ChunkRepeater, ABegunVersionThatIsThrownAwayHasMoved) {
    announce(cam1_);
    stage({{0, 10}});
    look();
    in_transaction([&](WriteTransaction& txn, rules::Effects&) {
        auto record = txn.object({"acme", "model", "m1"});
        txn.erase_blob(*record->staged);
        record->staged.reset();
        txn.put_object(*record);
    });
    EXPECT_THAT(look(), IsEmpty());
    EXPECT_THAT(look(), ElementsAre("acme cam1 m1 0"));
}

TEST_F(ChunkRepeater, LargeObjectsHaveSixTimesThePatienceOfSmallOnes) {
    context_.resend_interval = std::chrono::seconds(1);
    announce(cam1_, "small", 65536);
    announce(cam1_, "large", 65537);
    const auto begin = std::chrono::steady_clock::now();
    std::vector<std::string> requests;
    ASSERT_TRUE(eventually([&] { return !(requests = look()).empty(); }));
    EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(900));
    EXPECT_THAT(requests, ElementsAre("acme cam1 small 0"));
}

TEST_F(ChunkRepeater, AsksForNothingBeforeTheTimeIsOver) {
    context_.resend_interval = std::chrono::hours(1);
    announce(cam1_);
    for (int i = 0; i < 3; ++i) EXPECT_THAT(look(), IsEmpty());
}

TEST_F(ChunkRepeater, AsksOnlyForWhatIsBeingReceivedOverThisLine) {
    const NodeKey polling{"acme", "camera", "polling"};
    const NodeKey gone{"acme", "camera", "gone"};
    register_node(polling, "http");
    register_node(gone, "mqtt");
    announce(polling, "of-polling");
    announce(gone, "of-gone");
    in_transaction([&](WriteTransaction& txn, rules::Effects&) { txn.erase_destination(gone); });
    announce(cam1_, "complete", 5);
    ASSERT_TRUE(complete("complete", 1, "abcde"));
    announce(cam1_, "failed");
    in_transaction([&](WriteTransaction& txn, rules::Effects& effects) {
        return delivery::fail_reception(context_, txn, {"acme", "model", "failed"}, 1, {3, "signature", true}, effects);
    });
    announce(cam1_, "deleted");
    receive(cam1_, Command::Delete, brought_by(cam1_, "deleted", 1, 25));
    Metadata own = metadata("own");
    own.destination_type = "camera";
    own.destination_id = "cam1";
    publish(own, "data");
    do_work();
    announce(cam1_, "wanted");
    for (int i = 0; i < 2; ++i) repeater_.look();
    EXPECT_THAT(asked(), ElementsAre("acme cam1 wanted 0"));
    for (const auto& node : {cam1_, polling, gone}) repeater_.repeat(node);
    EXPECT_THAT(asked(), ElementsAre("acme cam1 wanted 0"));
}

TEST_F(ChunkRepeater, EachOrganizationsNodeIsAskedForItsOwn) {
    const NodeKey namesake{"other", "camera", "cam1"};
    register_node(namesake, "mqtt");
    announce(cam1_);
    announce(namesake);
    stage({{0, 10}});
    look();
    EXPECT_THAT(look(), UnorderedElementsAre("acme cam1 m1 10", "other cam1 m1 0"));
    repeater_.repeat(namesake);
    EXPECT_THAT(asked(), ElementsAre("other cam1 m1 0"));
}

TEST_F(ChunkRepeater, AsksMoreSeldomForTransfersBeyondThoseThatItRemembersAndSaysSo) {
    for (const char* id : {"a", "b", "c"}) announce(cam1_, id);
    KeptLog log;
    packet_line::ChunkRepeater repeater(context_, *operations_, dispatcher_, log, 1);
    repeater.look();
    EXPECT_THAT(asked(), IsEmpty());
    for (int look = 2; look <= 5; ++look) {
        repeater.look();
        EXPECT_THAT(asked(), ElementsAre("acme cam1 a 0")) << look;
    }
    repeater.look();
    EXPECT_THAT(asked(), UnorderedElementsAre("acme cam1 a 0", "acme cam1 b 0", "acme cam1 c 0"));
    EXPECT_THAT(log.lines(), ElementsAre(HasSubstr("2 transfers more than the 1 that are watched"))) << "once";
}

TEST_F(ChunkRepeater, LooksAtMoreThanOnePage) {
    std::vector<NodeKey> nodes;
    for (int n = 0; n < 3; ++n) {
        nodes.push_back({"acme", "camera", "many" + std::to_string(n)});
        register_node(nodes.back(), "mqtt");
        for (int i = 0; i < 100; ++i) announce(nodes.back(), "m" + std::to_string(n) + "-" + std::to_string(i));
    }
    EXPECT_THAT(look(), IsEmpty());
    EXPECT_EQ(look().size(), 300U);
}

TEST_F(ChunkRepeater, ANodeThatIsBackIsAskedAtOnceForAllThatItLacks) {
    // More than a page of what is over, then what is not.
    for (int i = 0; i < 300; ++i) {
        const std::string id = "a" + std::to_string(i);
        announce(cam1_, id, 5);
        ASSERT_TRUE(complete(id, 1, "abcde"));
    }
    announce(cam1_, "z1");
    announce(cam1_, "z2");
    RuleTest::stage({"acme", "model", "z2"}, {{0, 10}});
    repeater_.repeat(cam1_);
    EXPECT_THAT(asked(), UnorderedElementsAre("acme cam1 z1 0", "acme cam1 z2 10"));
    repeater_.repeat(cam1_);
    EXPECT_THAT(asked(), UnorderedElementsAre("acme cam1 z1 0", "acme cam1 z2 10")) << "each time";
    repeater_.repeat({"acme", "camera", "stranger"});
    EXPECT_THAT(asked(), IsEmpty());
}

}  // namespace
}  // namespace edgesync
