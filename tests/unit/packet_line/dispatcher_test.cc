#include "kernel/packet_line/dispatcher.h"

#include <gmock/gmock.h>

#include "tests/unit/packet_line/packet_fixture.h"

namespace edgesync {
namespace {

using testing::eventually;
using ::testing::IsEmpty;

class DispatcherTest : public testing::PacketTest {
protected:
    DispatcherTest() {
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

    packet_line::Dispatcher dispatcher_{context_, *operations_, scheduler_, log_};
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
    constexpr int kObjects = 1000;  // More than its queue takes.
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
