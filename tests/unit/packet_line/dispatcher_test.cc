#include "kernel/packet_line/dispatcher.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <set>

#include "tests/unit/packet_line/packet_fixture.h"

namespace edgesync {
namespace {

using testing::eventually;
using ::testing::IsEmpty;

class DispatcherTest : public testing::PacketTest {
protected:
    /// Long, so that a slow machine can publish and answer in time.
    explicit DispatcherTest(std::chrono::milliseconds answer_limit = std::chrono::minutes(2))
        : dispatcher_(context_, *operations_, scheduler_, log_, false, answer_limit) {
        register_node(cam1_, "mqtt");
        dispatcher_.add("mqtt", line_);
        on_effects = [this](const rules::Effects& effects) {
            for (const auto& key : effects.send) dispatcher_.send(key);
        };
        stops_.emplace_back([this] { dispatcher_.stop(); });
    }

    static std::string name_of(int number) { return "m" + std::to_string(number); }

    /// Publishes m0, m1, ..; the node that they are for.
    void publish_many(int count, const NodeKey& node) {
        for (int i = 0; i < count; ++i) {
            Metadata meta = metadata(name_of(i));
            meta.destination_type = node.type;
            meta.destination_id = node.id;
            publish(meta, "data");
        }
        do_work();
    }

    void answer(const std::string& id, const NodeKey& node) {
        Metadata meta = metadata(id);
        meta.instance_id = notification(id, node)->instance_id;
        receive(node, Command::Updated, meta);
        dispatcher_.answered({{"acme", "model", id}, node});
    }

    std::vector<std::string> ids_sent() {
        std::vector<std::string> ids;
        for (const auto& sent : line_.sent()) ids.push_back(sent.message.meta.object_id);
        return ids;
    }

    packet_line::Dispatcher dispatcher_;
};

TEST_F(DispatcherTest, SendsARecordToItsNodeWithTheNodesOwnIdentity) {
    register_node(cam2_, "mqtt");
    publish(metadata("m1"), "data");  // To all nodes.
    do_work();
    ASSERT_TRUE(eventually([&] { return line_.sent_count() == 2; }));
    for (const auto& sent : line_.sent()) {
        EXPECT_EQ(sent.message.command, Command::Update);
        EXPECT_EQ(sent.message.meta.destination_id, sent.peer.id) << "a private copy for each";
    }
}

TEST_F(DispatcherTest, LeavesNodesToTheirOwnTransport) {
    register_node(cam2_, "http");
    publish_many(1, cam2_);
    dispatcher_.send({{"acme", "model", "m0"}, cam2_});
    publish_many(1, cam1_);
    ASSERT_TRUE(eventually([&] { return line_.sent_count() >= 1; }));
    for (const auto& sent : line_.sent()) EXPECT_EQ(sent.peer, cam1_);
}

TEST_F(DispatcherTest, SendsNoMoreThanTheNodeHasAnsweredAndLosesNothing) {
    constexpr int kObjects = 500;  // More than its queue takes.
    publish_many(kObjects, cam1_);
    ASSERT_TRUE(eventually([&] { return line_.sent_count() == 128; }));
    std::set<std::string> answered;
    ASSERT_TRUE(eventually([&] {
        EXPECT_LE(line_.sent_count(), answered.size() + 128) << "more than the node has answered";
        for (const auto& id : ids_sent()) {
            if (answered.insert(id).second) answer(id, cam1_);
        }
        return answered.size() == kObjects;
    }));
    EXPECT_EQ(line_.sent_count(), static_cast<std::size_t>(kObjects)) << "each once";
}

TEST_F(DispatcherTest, ManyNodesTogetherAreSentNoMoreThanABrokerKeepsOfTheirAnswers) {
    constexpr std::size_t kNodes = 64;
    constexpr std::size_t kObjects = 40;
    for (std::size_t i = 2; i < kNodes; ++i) register_node({"acme", "camera", "other" + std::to_string(i)}, "mqtt");
    register_node(cam2_, "mqtt");
    for (std::size_t i = 0; i < kObjects; ++i) publish(metadata(name_of(static_cast<int>(i))), "data");
    do_work();
    const auto is_sent_to_all = [&] {
        std::set<NodeKey> peers;
        for (const auto& sent : line_.sent()) peers.insert(sent.peer);
        return peers.size() == kNodes;
    };
    ASSERT_TRUE(eventually(is_sent_to_all)) << "none waits for the others";
    // 512, two for each node, and what four workers have begun.
    EXPECT_LE(line_.sent_count(), 512 + 2 * kNodes + 4 * 64);
    std::set<std::pair<NodeKey, std::string>> answered;
    EXPECT_TRUE(eventually([&] {
        for (const auto& sent : line_.sent()) {
            if (answered.emplace(sent.peer, sent.message.meta.object_id).second) answer(sent.message.meta.object_id, sent.peer);
        }
        return answered.size() == kNodes * kObjects;
    })) << answered.size();
    EXPECT_EQ(line_.sent_count(), kNodes * kObjects) << "each once";
}

TEST_F(DispatcherTest, ASilentNodeDoesNotKeepOthersBackAndIsLeftAlone) {
    register_node(cam2_, "mqtt");
    publish_many(300, cam1_);
    ASSERT_TRUE(eventually([&] { return line_.sent_count() == 128; }));
    publish_many(1, cam2_);
    ASSERT_TRUE(eventually([&] { return line_.sent().back().peer == cam2_; })) << line_.sent_count();
}

class ImpatientDispatcherTest : public DispatcherTest {
protected:
    ImpatientDispatcherTest() : DispatcherTest(std::chrono::seconds(1)) {}
};

TEST_F(ImpatientDispatcherTest, ANodeThatAnswersLateGetsTheRestAtOnce) {
    constexpr std::size_t kObjects = 300;
    publish_many(kObjects, cam1_);
    // More if publishing took longer than the node had.
    ASSERT_TRUE(eventually([&] { return line_.sent_count() >= 128; }));
    // Nothing was answered for so long that it is taken to be away; what is published then, finds it forgotten.
    ASSERT_TRUE(eventually([&] {
        publish_many(1, cam1_);
        return line_.sent_count() > 128;
    }));
    answer("m1", cam1_);
    EXPECT_TRUE(eventually([&] {
        const auto ids = ids_sent();
        return std::set<std::string>(ids.begin(), ids.end()).size() > 128;
    })) << "it is slow";
}

TEST_F(DispatcherTest, SendsWhenTheLineIsBackWhatItCouldNotSend) {
    std::atomic<bool> is_down{true};
    line_.on_send = [&](const Message&) {
        if (is_down) throw Error(ErrorKind::NotConnected, "no broker");
    };
    publish_many(300, cam1_);
    EXPECT_THAT(line_.sent(), IsEmpty());
    is_down = false;
    dispatcher_.line_restored();
    std::set<std::string> answered;
    EXPECT_TRUE(eventually([&] {
        for (const auto& id : ids_sent()) {
            if (answered.insert(id).second) answer(id, cam1_);
        }
        return answered.size() == 300;
    })) << answered.size();
}

TEST_F(DispatcherTest, SendsTheNewVersionOfAnObjectWhoseOldOneIsStillUnanswered) {
    constexpr int kObjects = 400;  // More than its queue takes beside what is unanswered, so that the store is looked through.
    publish_many(kObjects, cam1_);
    ASSERT_TRUE(eventually([&] { return line_.sent_count() == 128; }));
    publish_many(1, cam1_);
    const InstanceId newest = notification("m0", cam1_)->instance_id;
    // All is answered but m0, whose answer is on its way for long.
    std::set<std::string> answered;
    ASSERT_TRUE(eventually([&] {
        for (const auto& id : ids_sent()) {
            if (id != "m0" && answered.insert(id).second) answer(id, cam1_);
        }
        return answered.size() == kObjects - 1;
    }));
    dispatcher_.answered({{"acme", "model", "m0"}, cam1_});
    EXPECT_TRUE(eventually([&] {
        const auto sent = line_.sent();
        return std::any_of(sent.begin(), sent.end(), [&](const auto& one) { return one.message.meta.instance_id == newest; });
    })) << "it would wait until it is repeated";
}

/// A CSS of several organizations; each has a broker of its own.
class DispatcherLinesTest : public DispatcherTest {
protected:
    DispatcherLinesTest() {
        for (int i = 0; i < kNodes; ++i) register_node({"stalled", "camera", std::to_string(i)}, "mqtt");
        line_.on_send = [this](const Message& message) {
            if (message.meta.org != "stalled" || !is_stalled_) return;
            ++attempts_;
            if (on_stalled) on_stalled();
            throw Error(ErrorKind::Timeout, "the broker is too slow to take another message");
        };
    }
    /// To all nodes of an organization.
    void publish_to(const std::string& org, const std::string& id) {
        Metadata meta = metadata(id);
        meta.org = org;
        publish(meta, "data");
        do_work();
    }
    bool is_sent(const std::string& id) {
        const auto ids = ids_sent();
        return std::find(ids.begin(), ids.end(), id) != ids.end();
    }

    static constexpr int kNodes = 10;
    std::atomic<bool> is_stalled_{true};
    std::atomic<int> attempts_{0};
    std::function<void()> on_stalled;
    testing::Gate gate_;  ///< Until the workers have stopped.
};

TEST_F(DispatcherLinesTest, AStalledBrokerDoesNotKeepOtherOrganizationsBack) {
    on_stalled = [this] { gate_.pass(); };
    publish_to("stalled", "s");
    ASSERT_TRUE(eventually([&] { return attempts_ > 0; }));
    const auto began = std::chrono::steady_clock::now();
    publish_to("acme", "m");
    EXPECT_TRUE(eventually([&] { return is_sent("m"); }));
    EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(5)) << "while the others wait for their broker";
    EXPECT_EQ(attempts_, 1) << "one worker is lost to it";
    gate_.open();
}

TEST_F(DispatcherLinesTest, AFailedLineIsTriedByOneNodeAtATimeAndBacksOffByItself) {
    publish_to("stalled", "s");
    ASSERT_TRUE(eventually([&] { return attempts_ > 0; }));
    publish_to("acme", "m");
    ASSERT_TRUE(eventually([&] { return is_sent("m"); })) << "another line";
    EXPECT_EQ(attempts_, 1) << "of ten nodes";
    // That of another organization.
    for (int round = 0; round < 3; ++round) {
        dispatcher_.line_restored();
        ASSERT_TRUE(eventually([&] { return attempts_ == 2 + round; }));
        publish_to("acme", "m" + std::to_string(round));
        ASSERT_TRUE(eventually([&] { return is_sent("m" + std::to_string(round)); }));
        EXPECT_EQ(attempts_, 2 + round) << "each is tried once, not by all of its nodes";
    }
    is_stalled_ = false;
    dispatcher_.line_restored();
    EXPECT_TRUE(eventually([&] {
        const auto ids = ids_sent();
        return std::count(ids.begin(), ids.end(), "s") == kNodes;
    })) << "all of them once it works";
}

TEST_F(DispatcherTest, AMessageThatCannotBeSentDoesNotKeepOthersBack) {
    line_.on_send = [](const Message& message) {
        if (message.meta.object_id == "m0") throw Error(ErrorKind::InvalidRequest, "a name that no topic may have");
    };
    publish_many(3, cam1_);
    EXPECT_TRUE(eventually([&] { return line_.sent_count() == 2; }));
}

TEST_F(DispatcherTest, SendsMessagesWithoutARecord) {
    Message message;
    message.command = Command::GetData;
    message.meta = metadata("m1");
    dispatcher_.send_message(cam1_, message);
    ASSERT_TRUE(eventually([&] { return line_.sent_count() == 1; }));
    EXPECT_EQ(line_.sent()[0].message.command, Command::GetData);
}

TEST_F(DispatcherTest, KeepsTheOrderOfANode) {
    publish_many(50, cam1_);
    ASSERT_TRUE(eventually([&] { return line_.sent_count() == 50; }));
    const auto ids = ids_sent();
    for (std::size_t i = 0; i < ids.size(); ++i) EXPECT_EQ(ids[i], name_of(static_cast<int>(i)));
}

}  // namespace
}  // namespace edgesync
