// Data over a line of packets: each push is one data message, what happens to it on its way is the kernel's to repair, and octets of
// anybody are harmless.
#include <algorithm>
#include <thread>

#include "edgesync/sdk/codec.h"
#include "transport_test.h"

namespace edgesync::conformance {
namespace {

constexpr InstanceId kInstance = 1'700'000'000'000'000'001;
constexpr std::int64_t kMiB = 1024 * 1024;

class TransportPackets : public TransportTest {
protected:
    void SetUp() override {
        TransportTest::SetUp();
        if (!HasFatalFailure() && !is_packets()) GTEST_SKIP() << "the transport is no line of packets";
    }
    std::int64_t part(std::int64_t wanted) {
        const std::int64_t limit = largest_up();
        return limit > 0 ? std::min(limit, wanted) : wanted;
    }
    /// One chunk, from the node to the cloud or back.
    void push(bool is_up, const DataRequest& request, BlobReader& source) {
        if (is_up) ess().transport().push(kCloud, request, source, "");
        if (!is_up) css().transport().push(kNode, request, source, "");
    }
    RecordingHost& receiver(bool is_up) { return is_up ? css().host() : ess().host(); }
    RecordingHost& sender(bool is_up) { return is_up ? ess().host() : css().host(); }
    static std::vector<Upload> finished(const Seen& seen, const std::string& id) {
        std::vector<Upload> found;
        for (const auto& upload : seen.uploads) {
            if (upload.request.key.id == id && upload.is_finished) found.push_back(upload);
        }
        return found;
    }
    bool await_finished(bool is_up, const std::string& id, std::size_t count, std::chrono::milliseconds limit = usual_wait()) {
        return receiver(is_up).await([&](const Seen& seen) { return finished(seen, id).size() >= count; }, limit);
    }
    std::vector<Upload> finished(bool is_up, const std::string& id) {
        return receiver(is_up).see([&](const Seen& seen) { return finished(seen, id); });
    }
    bool disturb(const PacketFaults& faults) { return environment().faults() != nullptr && environment().faults()->disturb(faults); }
};

DataRequest request_of(const std::string& id, std::int64_t offset, std::int64_t length, std::int64_t total) {
    return {object_key(id), kInstance, 0, offset, length, total};
}

TEST_F(TransportPackets, AChunkIsOneDataMessage) {
    const auto data = octets(9, 100'000);
    for (const bool is_up : {true, false}) {
        MemoryBlob source(data);
        push(is_up, request_of("chunk", 30'000, 50'000, 100'000), source);
        ASSERT_TRUE(await_finished(is_up, "chunk", 1)) << is_up;
        const auto got = finished(is_up, "chunk");
        ASSERT_EQ(got.size(), 1U) << broken("`push` sends one data message");
        EXPECT_EQ(got[0].peer, is_up ? kNode : kCloud);
        EXPECT_EQ(got[0].request.key, object_key("chunk"));
        EXPECT_EQ(got[0].request.instance_id, kInstance);
        EXPECT_EQ(got[0].request.offset, 30'000);
        EXPECT_EQ(got[0].request.length, 50'000);
        EXPECT_TRUE(got[0].octets == text_of(data).substr(30'000, 50'000));
    }
}

TEST_F(TransportPackets, EmptyDataAreOneMessageToo) {
    for (const bool is_up : {true, false}) {
        MemoryBlob source(std::vector<std::byte>{});
        push(is_up, request_of("empty", 0, 0, 0), source);
        ASSERT_TRUE(await_finished(is_up, "empty", 1)) << is_up;
        EXPECT_EQ(finished(is_up, "empty")[0].octets, "");
    }
}

TEST_F(TransportPackets, LargeDataArriveChunkByChunk) {
    constexpr std::int64_t kSize = 64 * kMiB;
    const std::int64_t size = part(4 * kMiB - 5);
    const auto data = std::make_shared<const std::vector<std::byte>>(octets(6, static_cast<std::size_t>(kSize)));
    for (const bool is_up : {true, false}) {
        std::size_t chunks = 0;
        for (std::int64_t offset = 0; offset < kSize; offset += size) {
            MemoryBlob source(data);
            push(is_up, request_of("large", offset, std::min(size, kSize - offset), kSize), source);
            // As a receiver that asks for the next chunks while four are on their way.
            if (++chunks > 4) {
                ASSERT_TRUE(await_finished(is_up, "large", chunks - 4)) << offset;
            }
        }
        ASSERT_TRUE(await_finished(is_up, "large", chunks));
        std::string got(static_cast<std::size_t>(kSize), '\0');
        for (const auto& upload : finished(is_up, "large"))
            got.replace(static_cast<std::size_t>(upload.request.offset), upload.octets.size(), upload.octets);
        EXPECT_TRUE(got == text_of(*data)) << is_up;
    }
}

TEST_F(TransportPackets, RepliesAfterTheDataReachTheSender) {
    for (const bool is_up : {true, false}) {
        const std::string id = is_up ? "up" : "down";
        Script script;
        script.finish.replies = {is_up ? from_cloud(Command::Received, id) : from_node(Command::Received, id)};
        receiver(is_up).follow(script);
        MemoryBlob source(octets(1, 1000));
        push(is_up, request_of(id, 0, 1000, 1000), source);
        EXPECT_TRUE(sender(is_up).await([&](const Seen& seen) { return !seen.about(id).empty(); }))
            << broken("the replies of the final verdict are sent to the peer");
    }
}

TEST_F(TransportPackets, AChunkThatIsTooLargeIsRefused) {
    const std::int64_t limit = largest_up();
    if (limit == 0) GTEST_SKIP() << "there is no limit";
    // How much the names in a message take is up to the transport, so the limit need not be sharp.
    const std::int64_t size = 2 * limit;
    MemoryBlob source(octets(1, static_cast<std::size_t>(size)));
    try {
        push(true, request_of("too-large", 0, size, size), source);
        FAIL() << broken("a message with more data than largest_payload(peer) is refused");
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::InvalidRequest) << error.what() << broken("to repeat it would not help");
        EXPECT_NE(std::string(error.what()).find_first_of("0123456789"), std::string::npos) << error.what() << ": how much is too much?";
    }
    push(true, request_of("just-so", 0, limit, limit), source);
    EXPECT_TRUE(await_finished(true, "just-so", 1)) << broken("largest_payload(peer) octets fit into a message");
    EXPECT_TRUE(finished(true, "too-large").empty());
}

TEST_F(TransportPackets, WhatCannotBeReadIsNotSent) {
    MemoryBlob source(octets(4, 100'000), 50'000);
    EXPECT_EQ(failure_of([&] { push(true, request_of("broken", 0, 100'000, 100'000), source); }), ErrorKind::Io);
    EXPECT_TRUE(flows_again());
    EXPECT_TRUE(css().host().see([](const Seen& seen) { return seen.uploads.empty(); }));
}

TEST_F(TransportPackets, WhatGetsLostIsNotReplaced) {
    if (!disturb({100, 0, false})) GTEST_SKIP() << "nothing here can lose packets";
    MemoryBlob source(octets(4, 1000));
    push(true, request_of("lost", 0, 1000, 1000), source);
    push(false, request_of("lost", 0, 1000, 1000), source);
    EXPECT_FALSE(await_finished(true, "lost", 1, 1s));
    if (const LineFaults& faults = *environment().faults(); faults.lost()) {
        EXPECT_TRUE(eventually([&] { return faults.lost() >= 2; })) << "what was pushed does not come to the line";
    }
    environment().faults()->restore();
    EXPECT_TRUE(flows_again()) << "a lost packet must not hold up others";
    EXPECT_TRUE(finished(true, "lost").empty());
    EXPECT_TRUE(finished(false, "lost").empty());
}

TEST_F(TransportPackets, WhatIsRepeatedOrOvertakenArrivesAsItCame) {
    for (const PacketFaults& faults : {PacketFaults{0, 100, false}, PacketFaults{0, 0, true}}) {
        if (!disturb(faults)) GTEST_SKIP() << "nothing here can disturb packets";
        const auto data = octets(8, 40'000);
        for (const bool is_up : {true, false}) {
            const std::string id = "disturbed" + std::to_string(faults.repeated) + std::to_string(is_up);
            MemoryBlob source(data);
            for (std::int64_t offset = 0; offset < 40'000; offset += 10'000) push(is_up, request_of(id, offset, 10'000, 40'000), source);
            ASSERT_TRUE(await_finished(is_up, id, faults.repeated > 0 ? 8 : 4)) << id;
            for (const auto& upload : finished(is_up, id))
                EXPECT_TRUE(upload.octets == text_of(data).substr(static_cast<std::size_t>(upload.request.offset), 10'000)) << id;
        }
        environment().faults()->restore();
    }
}

class TransportHostile : public TransportPackets {
protected:
    void SetUp() override {
        TransportPackets::SetUp();
        if (HasFatalFailure() || IsSkipped()) return;
        injector_ = environment().injector();
        if (injector_ == nullptr) GTEST_SKIP() << "nothing here can put octets on the line";
    }
    /// Whether both nodes go on, and nothing was made of what came before.
    void expect_unmoved(const std::string& what) {
        const auto count = [](const Seen& seen) {
            const auto is_greeting = [](const Handled& one) {
                return one.message.command == Command::Register || one.message.command == Command::RegAck;
            };
            return seen.handled.size() - static_cast<std::size_t>(std::count_if(seen.handled.begin(), seen.handled.end(), is_greeting)) -
                   flows(seen);
        };
        EXPECT_TRUE(flows_again()) << what;
        EXPECT_EQ(css().host().see(count), 0U) << what << " reached the host of the CSS";
        EXPECT_EQ(ess().host().see(count), 0U) << what << " reached the host of the ESS";
        EXPECT_TRUE(css().host().see([](const Seen& seen) { return seen.uploads.empty(); })) << what;
        EXPECT_TRUE(ess().host().see([](const Seen& seen) { return seen.uploads.empty(); })) << what;
    }
    static std::size_t flows(const Seen& seen) {
        return static_cast<std::size_t>(std::count_if(seen.handled.begin(), seen.handled.end(),
                                                      [](const Handled& one) { return one.message.meta.object_id.starts_with("flows"); }));
    }
    PacketInjector* injector_ = nullptr;
};

TEST_F(TransportHostile, WhatIsNoPacketIsDroppedWithoutAnAnswer) {
    const std::string update = codec::command_to_json(from_node(Command::Update, "x"), kNode, "mqtt");
    const std::string data = codec::encode_data_header(object_key("x"), kInstance, 0, 3) + "abc";
    std::string other_version = update;
    other_version.replace(other_version.find("\"Major\":1"), 9, "\"Major\":2");
    std::string other_command = update;
    other_command.replace(other_command.find("\"update\""), 8, "\"explode\"");
    std::string deep = R"({"version":{"Major":1,"Minor":0},"command":"update","x":)";
    deep += std::string(100'000, '[');
    for (const std::string& octets :
         {std::string(), std::string(1, '\0'), std::string("\1\1\1\1", 4), std::string("\1\1\1\1\0\0\0\2", 8), data.substr(0, 40),
          std::string("{}"), std::string("[1]"), std::string("null"), std::string("\xff\xfe garbage"), update.substr(0, update.size() / 2),
          other_version, other_command, deep, std::string(300'000, 'x')}) {
        injector_->to_css(kNode, octets);
        injector_->to_ess(kNode, octets);
    }
    expect_unmoved("octets that are no packet");
}

TEST_F(TransportHostile, ANodeSpeaksForItselfAlone) {
    const NodeKey victim{"org", "node", "victim"};
    constexpr Command kAnnouncements[] = {Command::RegisterNew, Command::Ping, Command::Resend, Command::Update, Command::Delete};
    for (const Command command : kAnnouncements) {
        injector_->to_css(kNode, codec::command_to_json(from_node(command, "x", victim), victim, "mqtt"));
    }
    // Traditional nodes name another one by mistake here; the line says who it is.
    for (const Command command : {Command::Updated, Command::Received, Command::Consumed, Command::Deleted, Command::GetData}) {
        injector_->to_css(kNode, codec::command_to_json(from_node(command, "y", victim), {}, "mqtt"));
    }
    EXPECT_TRUE(flows_again());
    css().host().see([&](const Seen& seen) {
        for (const auto& one : seen.handled) {
            EXPECT_EQ(one.peer, kNode) << to_string(one.message.command) << broken("the peer is the node that the line proves");
            EXPECT_NE(one.message.meta.destination_id, "victim") << to_string(one.message.command) << ": it was told of another node";
        }
        for (const Command command : kAnnouncements) {
            const auto messages = seen.of(command);
            EXPECT_FALSE(std::any_of(messages.begin(), messages.end(), [](const Message& one) { return one.meta.object_id == "x"; }))
                << to_string(command) << broken("what a payload claims to be of another node is dropped");
        }
        return 0;
    });
}

TEST_F(TransportHostile, DataThatAreCutShortAreNotTakenForAll) {
    const std::string data = codec::encode_data_header(object_key("x"), kInstance, 0, 1000) + std::string(500, 'x');
    injector_->to_css(kNode, data);
    injector_->to_ess(kNode, data);
    EXPECT_TRUE(flows_again());
    EXPECT_TRUE(finished(true, "x").empty());
    EXPECT_TRUE(finished(false, "x").empty());
}

}  // namespace
}  // namespace edgesync::conformance
