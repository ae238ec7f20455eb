#include "kernel/delivery/chunk_requests.h"

#include <gmock/gmock.h>

#include "tests/unit/rules/rule_fixture.h"

namespace edgesync {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ChunkRequests : public testing::RuleTest {
protected:
    void SetUp() override { register_node(cam1_, "mqtt"); }

    /// An update of a node, of `size` octets in chunks of 10; the offsets that it is asked for.
    std::vector<std::int64_t> announce(std::int64_t size, InstanceId instance = 1) {
        replies_ = receive(cam1_, Command::Update, brought_by(cam1_, "m1", instance, size)).replies;
        return offsets_of(replies_);
    }

    static std::vector<std::int64_t> offsets_of(const std::vector<Message>& messages) {
        std::vector<std::int64_t> offsets;
        for (const auto& message : messages) {
            if (message.command == Command::GetData) offsets.push_back(message.offset);
        }
        return offsets;
    }

    void stage(std::vector<ByteRange> ranges) { RuleTest::stage({"acme", "model", "m1"}, std::move(ranges)); }

    std::optional<std::int64_t> after(std::int64_t offset) {
        std::optional<Message> next;
        store_->read([&](ReadTransaction& txn) {
            next = delivery::next_chunk_request(context_, txn, *txn.object({"acme", "model", "m1"}), offset);
        });
        return next ? std::optional(next->offset) : std::nullopt;
    }

    std::vector<Message> replies_;
};

TEST_F(ChunkRequests, FollowTheAcknowledgementOfAnUpdate) {
    EXPECT_THAT(announce(25), ElementsAre(0));
    ASSERT_EQ(replies_.size(), 2U);
    EXPECT_EQ(replies_[0].command, Command::Updated);
    const Metadata& meta = replies_[1].meta;
    EXPECT_EQ(meta.origin_id, "cam1") << "a traditional node finds its record by its own name";
    EXPECT_EQ(meta.destination_id, "cam1");
    EXPECT_EQ(meta.instance_id, 1);
    EXPECT_EQ(meta.chunk_size, 10);
}

TEST_F(ChunkRequests, AreAsManyAsMayBeUnderWay) {
    context_.chunks_in_flight = 3;
    EXPECT_THAT(announce(100, 1), ElementsAre(0, 10, 20));
    EXPECT_THAT(announce(20, 2), ElementsAre(0, 10)) << "no more than there are chunks";
    EXPECT_THAT(announce(0, 3), ElementsAre(0)) << "an empty object has one, empty, chunk";
}

TEST_F(ChunkRequests, AreNotMadeToNodesThatBringTheDataByThemselves) {
    register_node(cam1_, "http");
    EXPECT_THAT(announce(25), IsEmpty());
}

TEST_F(ChunkRequests, EachChunkAsksForTheNextOfItsLane) {
    context_.chunks_in_flight = 2;
    announce(55);  // 0 10 20 30 40 50
    stage({{0, 10}, {30, 55}});
    EXPECT_EQ(after(0), 20);
    EXPECT_EQ(after(30), std::nullopt);
    stage({{0, 10}, {30, 40}});
    EXPECT_EQ(after(30), 50);
}

TEST_F(ChunkRequests, WhatIsHereIsNotAskedForAgain) {
    context_.chunks_in_flight = 2;
    announce(55);
    stage({{0, 10}, {20, 50}});
    EXPECT_THAT(announce(55), ElementsAre(10)) << "announced again: the even lane is complete, the odd one lacks 10 and 50";
    stage({{0, 50}});
    EXPECT_EQ(after(10), 50);
    stage({{0, 5}});
    EXPECT_THAT(announce(55), ElementsAre(5, 10)) << "of half a chunk the rest is asked for";
    EXPECT_EQ(replies_[1].meta.chunk_size, 5) << "and no more, because what follows is another lane's";
}

TEST_F(ChunkRequests, TheRestOfAChunkFollowsWhenTheSendersAreSmaller) {
    context_.chunks_in_flight = 2;
    announce(55);
    stage({{0, 4}});
    EXPECT_EQ(after(0), 4);
    stage({{0, 8}});
    EXPECT_EQ(after(4), 8);
    stage({{0, 10}});
    EXPECT_EQ(after(8), 20) << "and then the next of the lane";
    stage({{0, 55}});
    EXPECT_EQ(after(8), std::nullopt);
}

TEST_F(ChunkRequests, AreNotMadeForAnotherVersionOrACompleteOne) {
    announce(25, 5);
    EXPECT_THAT(announce(25, 4), IsEmpty()) << "an older version";
    ASSERT_TRUE(complete("m1", 5, std::string(25, 'x')));
    EXPECT_THAT(announce(25, 5), IsEmpty());
    EXPECT_EQ(after(0), std::nullopt);
}

}  // namespace
}  // namespace edgesync
