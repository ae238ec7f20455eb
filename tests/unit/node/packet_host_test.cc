// What a CSS and an ESS do with what comes over a line that carries nothing but messages.
#include "kernel/node/packet_host.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "edgesync/sdk/error.h"
#include "kernel/data/digest.h"
#include "tests/unit/packet_line/packet_fixture.h"

namespace edgesync {
namespace {

using ::testing::ElementsAre;
using testing::eventually;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// Takes no work when the test says so.
class FullScheduler : public node::NodeScheduler {
public:
    using NodeScheduler::NodeScheduler;
    bool work(std::function<void()> function) override { return !is_full && NodeScheduler::work(std::move(function)); }
    std::atomic<bool> is_full{false};
};

class PacketHostTest : public testing::PacketTest {
protected:
    explicit PacketHostTest(NodeRole role) : PacketTest(role) {
        // What ends because the line ends must not be waited for.
        stops_.emplace_back([this] { packets_.chunks().stop(); });
        stops_.emplace_back([this] { dispatcher_.stop(); });
        dispatcher_.add("mqtt", packets_);
    }

    void make_host() {
        node::HostParts parts;
        parts.context = &context_;
        parts.operations = operations_.get();
        parts.scheduler = &workers_of_host_;
        parts.digests = &digests_;
        parts.settings = settings_.get();
        parts.log = &log_;
        parts.is_running = [] { return true; };
        parts.announced = [this](Message message, std::function<void(HandleResult)> done) { on_announced(message, std::move(done)); };
        parts.registration_answer = [this](const Message& message) { on_registration_answer(message); };
        parts.send_message = [this](const Message& message) { packets_.send(context_.cloud(), message); };
        node::PacketParts packets;
        packets.transport = &packets_;
        packets.chunks = &chunks_;
        packets.chunk_turns = &chunk_turns_;
        if (context_.is_css()) {
            packets.dispatcher = &dispatcher_;
            packets.repeater = &repeater_;
        }
        packets.line_changed = [this](bool is_connected) { changes_.push_back(is_connected); };
        host_ = std::make_unique<node::PacketHost>(std::move(parts), std::move(packets));
    }

    HandleResult handle(const NodeKey& peer, const Message& message) {
        const auto done = std::make_shared<std::promise<HandleResult>>();
        host_->handle(peer, message, [done](HandleResult result) { done->set_value(std::move(result)); });
        auto result = done->get_future();
        if (result.wait_for(std::chrono::seconds(30)) == std::future_status::ready) return result.get();
        ADD_FAILURE() << "no verdict about " << to_string(message.command);
        return {};
    }
    static Message about(Command command, const Metadata& meta) {
        Message message;
        message.command = command;
        message.meta = meta;
        message.protocol = "mqtt";
        message.code_version = "1.0";
        return message;
    }
    HandleResult handle(const NodeKey& peer, Command command, const Metadata& meta = {}) { return handle(peer, about(command, meta)); }

    HandleResult bring(const NodeKey& peer, InstanceId instance, std::int64_t offset, const std::string& octets) {
        DataRequest range;
        range.key = {peer.org, "model", "m1"};
        range.instance_id = instance;
        range.offset = offset;
        range.length = static_cast<std::int64_t>(octets.size());
        const auto receiver = host_->receive_data(peer, range, range.length, "", "");
        HandleResult started = receiver->start();
        if (started.verdict != Verdict::Accepted) return started;
        receiver->write(std::as_bytes(std::span(octets)));
        const auto done = std::make_shared<std::promise<HandleResult>>();
        receiver->finish([done](HandleResult result) { done->set_value(std::move(result)); });
        return done->get_future().get();
    }

    OpenedData open(const ObjectRecord& object) {
        OpenedData data;
        store_->read([&](ReadTransaction& txn) { data.reader = txn.open_blob(*object.data); });
        return data;
    }
    std::vector<Message> sent(Command command) {
        std::vector<Message> found;
        for (const auto& one : line_.sent()) {
            if (one.message.command == command) found.push_back(one.message);
        }
        return found;
    }
    bool knows(const NodeKey& node) {
        bool is_known = false;
        store_->read([&](ReadTransaction& txn) { is_known = txn.destination(node).has_value(); });
        return is_known;
    }

    std::function<void(const Message&, std::function<void(HandleResult)>)> on_announced;
    std::function<void(const Message&)> on_registration_answer;
    std::vector<bool> changes_;
    data::UploadDigests digests_;
    FullScheduler workers_of_host_{io_, workers_, log_};
    packet_line::PacketTransport packets_{context_, line_};
    packet_line::ChunkService chunks_{context_, *operations_, scheduler_, [this](const ObjectRecord& object) { return open(object); }};
    packet_line::TurnsByLine chunk_turns_{1};
    packet_line::Dispatcher dispatcher_{context_, *operations_, scheduler_, log_};
    packet_line::ChunkRepeater repeater_{context_, *operations_, dispatcher_, log_};
    std::unique_ptr<node::PacketHost> host_;
};

class PacketHostOfCss : public PacketHostTest {
protected:
    PacketHostOfCss() : PacketHostTest(NodeRole::Css) {
        on_announced = [](const Message&, const auto&) { ADD_FAILURE() << "only an ESS hears announcements so"; };
        on_registration_answer = [](const Message&) { ADD_FAILURE() << "only an ESS registers"; };
        make_host();
    }
};

const std::vector<Command> kAllCommands = {Command::Register,    Command::RegisterNew, Command::RegAck,      Command::RegisterAsNew,
                                           Command::Ping,        Command::Unregister,  Command::Resend,      Command::AckResend,
                                           Command::Update,      Command::Updated,     Command::GetData,     Command::Received,
                                           Command::AckReceived, Command::Consumed,    Command::AckConsumed, Command::Delete,
                                           Command::AckDelete,   Command::Deleted,     Command::AckDeleted,  Command::Feedback};

TEST_F(PacketHostOfCss, ANodeThatIsNotKnownIsToldSoWhateverItSays) {
    for (const Command command : kAllCommands) {
        if (command == Command::RegisterNew || command == Command::Unregister) continue;
        const auto result = handle(cam1_, command, brought_by(cam1_, "m1", 1, 5));
        EXPECT_EQ(result.verdict, Verdict::UnknownPeer) << to_string(command);
        ASSERT_THAT(result.replies, SizeIs(1)) << to_string(command);
        EXPECT_EQ(result.replies[0].command, Command::RegisterAsNew) << to_string(command);
    }
    EXPECT_FALSE(object("m1"));
    EXPECT_FALSE(knows(cam1_));
    EXPECT_THAT(handle(cam1_, Command::Unregister).replies, IsEmpty()) << "it wants to be unknown";
    const auto registered = handle(cam1_, Command::RegisterNew);
    ASSERT_THAT(registered.replies, SizeIs(1));
    EXPECT_EQ(registered.replies[0].command, Command::RegAck);
    EXPECT_THAT(registered.replies[0].capabilities, ElementsAre("digest", "pieces"));
    EXPECT_TRUE(knows(cam1_));
}

TEST_F(PacketHostOfCss, WhatOnlyACssSaysIsNotTakenFromANode) {
    register_node(cam1_, "mqtt");
    for (const Command command : {Command::RegAck, Command::RegisterAsNew, Command::AckResend}) {
        const auto result = handle(cam1_, command);
        EXPECT_EQ(result.verdict, Verdict::Invalid) << to_string(command);
        EXPECT_THAT(result.replies, IsEmpty()) << to_string(command);
    }
    EXPECT_TRUE(knows(cam1_));
}

TEST_F(PacketHostOfCss, ANodeSpeaksAboutItsOwnOrganizationAlone) {
    register_node(cam1_, "mqtt");
    const NodeKey namesake{"other", "camera", "cam1"};
    register_node(namesake, "mqtt");
    ASSERT_EQ(handle(namesake, Command::Update, brought_by(namesake, "m1", 1, 5)).verdict, Verdict::Accepted);
    for (const Command command : {Command::Update, Command::Delete, Command::AckReceived, Command::AckConsumed, Command::Feedback}) {
        EXPECT_EQ(handle(cam1_, command, brought_by(namesake, "m1", 2, 5)).verdict, Verdict::Invalid) << to_string(command);
    }
    Message question = about(Command::GetData, brought_by(namesake, "m1", 1, 5));
    EXPECT_NE(handle(cam1_, question).verdict, Verdict::Accepted);
    EXPECT_THAT(line_.pushed(), IsEmpty());
    store_->read([&](ReadTransaction& txn) {
        const auto object = txn.object({"other", "model", "m1"});
        ASSERT_TRUE(object);
        EXPECT_EQ(object->meta.instance_id, 1);
        EXPECT_EQ(object->status, ObjectStatus::PartiallyReceived);
    });
}

TEST_F(PacketHostOfCss, AQuestionForDataIsAnsweredWithOneChunk) {
    register_node(cam1_, "mqtt");
    publish(metadata("m1"), "abcde");
    do_work();
    Message question = about(Command::GetData, object("m1")->meta);
    const auto result = handle(cam1_, question);
    EXPECT_EQ(result.verdict, Verdict::Accepted);
    EXPECT_THAT(result.replies, IsEmpty());
    ASSERT_THAT(line_.pushed(), SizeIs(1));
    EXPECT_EQ(line_.pushed()[0].octets, "abcde");
    EXPECT_EQ(line_.pushed()[0].peer, cam1_);
    question.offset = 5;
    const auto refused = handle(cam1_, question);
    ASSERT_THAT(refused.replies, SizeIs(1));
    EXPECT_EQ(refused.replies[0].feedback.code, 5);
}

TEST_F(PacketHostOfCss, AnAnswerThatFailsGivesItsTurnBack) {
    register_node(cam1_, "mqtt");
    publish(metadata("m1"), "abcde");
    do_work();
    const Message question = about(Command::GetData, object("m1")->meta);
    host_->handle(cam1_, question, [](const HandleResult&) { throw Error(ErrorKind::Internal, "it cannot be sent"); });
    EXPECT_EQ(handle(cam1_, question).verdict, Verdict::Accepted);
    EXPECT_THAT(line_.pushed(), SizeIs(2));
}

TEST_F(PacketHostOfCss, WhateverANodeSaysAboutAnObjectAnswersWhatItWasSent) {
    register_node(cam1_, "mqtt");
    on_effects = [this](const rules::Effects& effects) {
        for (const auto& key : effects.send) dispatcher_.send(key);
    };
    constexpr std::size_t kUnanswered = 128;
    for (std::size_t i = 0; i <= kUnanswered + 2; ++i) publish(metadata("m" + std::to_string(i)), "data");
    do_work();
    ASSERT_TRUE(eventually([&] { return sent(Command::Update).size() == kUnanswered; }));
    std::size_t expected = kUnanswered;
    for (const Command command : {Command::Updated, Command::GetData, Command::Feedback}) {
        const Metadata meta = sent(Command::Update)[expected - kUnanswered].meta;
        handle(cam1_, command, meta);
        ++expected;
        EXPECT_TRUE(eventually([&] { return sent(Command::Update).size() == expected; })) << to_string(command);
    }
}

TEST_F(PacketHostOfCss, ANodeThatComesBackIsAskedForWhatItHasNotBroughtYet) {
    register_node(cam1_, "mqtt");
    register_node(cam2_, "mqtt");
    ASSERT_EQ(handle(cam1_, Command::Update, brought_by(cam1_, "m1", 1, 25)).verdict, Verdict::Accepted);
    ASSERT_EQ(handle(cam2_, Command::Update, brought_by(cam2_, "m2", 1, 25)).verdict, Verdict::Accepted);
    EXPECT_THAT(sent(Command::GetData), IsEmpty()) << "its replies are the line's to send";
    for (const Command command : {Command::Register, Command::RegisterNew}) {
        const std::size_t before = sent(Command::GetData).size();
        EXPECT_EQ(handle(cam1_, command).verdict, Verdict::Accepted);
        ASSERT_TRUE(eventually([&] { return sent(Command::GetData).size() == before + 1; })) << to_string(command);
        EXPECT_EQ(sent(Command::GetData).back().meta.object_id, "m1");
    }
}

TEST_F(PacketHostOfCss, DataIsComparedWithTheDigestThatItsUpdateNamed) {
    register_node(cam1_, "mqtt");
    Message update = about(Command::Update, brought_by(cam1_, "m1", 2, 5));
    update.sha256 = data::sha256_of("abcde");
    ASSERT_EQ(handle(cam1_, update).verdict, Verdict::Accepted);
    const auto wrong = bring(cam1_, 2, 0, "wrong");
    ASSERT_THAT(wrong.replies, SizeIs(1));
    EXPECT_EQ(wrong.replies[0].feedback.code, 2);
    EXPECT_EQ(object("m1")->status, ObjectStatus::PartiallyReceived);
    EXPECT_EQ(bring(cam1_, 2, 0, "abcde").verdict, Verdict::Accepted);
    EXPECT_EQ(object("m1")->status, ObjectStatus::CompletelyReceived);
}

TEST_F(PacketHostOfCss, AnUpdateThatIsNotAcceptedChangesNoDigest) {
    register_node(cam1_, "mqtt");
    Message update = about(Command::Update, brought_by(cam1_, "m1", 2, 5));
    update.sha256 = data::sha256_of("abcde");
    ASSERT_EQ(handle(cam1_, update).verdict, Verdict::Accepted);
    Message late = about(Command::Update, brought_by(cam1_, "m1", 1, 5));
    late.sha256 = data::sha256_of("older");
    ASSERT_EQ(handle(cam1_, late).verdict, Verdict::Ignored);
    EXPECT_THAT(bring(cam1_, 2, 0, "wrong").replies, SizeIs(1)) << "it is still compared";
    EXPECT_EQ(object("m1")->status, ObjectStatus::PartiallyReceived);
}

TEST_F(PacketHostOfCss, ManyDigestsOfOneOrganizationDoNotCostThoseOfAnother) {
    register_node(cam1_, "mqtt");
    const NodeKey busy{"zeta", "camera", "cam1"};
    register_node(busy, "mqtt");
    constexpr int kMost = 10000;
    constexpr int kAtOnce = 500;  // To wait for each would take minutes on a busy machine.
    const auto update_of = [](const NodeKey& node, const std::string& id) {
        Message update = about(Command::Update, brought_by(node, id, 1, 5));
        update.sha256 = data::sha256_of("abcde");
        return update;
    };
    const auto accepted = std::make_shared<std::atomic<int>>(0);
    const auto count = [accepted](const HandleResult& result) { *accepted += result.verdict == Verdict::Accepted ? 1 : 0; };
    for (int i = 1; i <= kMost; ++i) {
        host_->handle(busy, update_of(busy, "n" + std::to_string(i)), count);
        ASSERT_TRUE(i % kAtOnce != 0 || eventually([&] { return *accepted == i; }));
    }
    ASSERT_EQ(handle(cam1_, update_of(cam1_, "m1")).verdict, Verdict::Accepted);
    ASSERT_EQ(handle(busy, update_of(busy, "last")).verdict, Verdict::Accepted);
    EXPECT_THAT(bring(cam1_, 1, 0, "wrong").replies, SizeIs(1)) << "the oldest is forgotten, not the first by name";
}

TEST_F(PacketHostOfCss, OrganizationsWithTheSameNamesHaveTheirOwnDigests) {
    register_node(cam1_, "mqtt");
    const NodeKey namesake{"other", "camera", "cam1"};
    register_node(namesake, "mqtt");
    for (const auto& node : {cam1_, namesake}) {
        Message update = about(Command::Update, brought_by(node, "m1", 1, 5));
        update.sha256 = data::sha256_of(node.org == "acme" ? "acme!" : "other");
        ASSERT_EQ(handle(node, update).verdict, Verdict::Accepted);
    }
    EXPECT_EQ(bring(cam1_, 1, 0, "acme!").verdict, Verdict::Accepted);
    EXPECT_THAT(bring(namesake, 1, 0, "acme!").replies, SizeIs(1));
    EXPECT_EQ(bring(namesake, 1, 0, "other").verdict, Verdict::Accepted);
}

TEST_F(PacketHostOfCss, AChangeOfTheLineIsPassedOn) {
    host_->line_changed(true);
    host_->line_changed(false);
    EXPECT_THAT(changes_, ElementsAre(true, false));
}

class PacketHostOfEss : public PacketHostTest {
protected:
    PacketHostOfEss() : PacketHostTest(NodeRole::Ess) {
        context_.resend_interval = std::chrono::hours(1);
        make_host();
    }
    ~PacketHostOfEss() override {
        if (fetching_.valid()) fetching_.wait();
    }

    class Sink : public DataSink {
    public:
        bool begin(bool, std::int64_t, const std::string&) override { return true; }
        bool write(std::span<const std::byte> octets) override {
            octets_.append(reinterpret_cast<const char*>(octets.data()), octets.size());
            return true;
        }
        std::string octets_;
    };

    /// Asks for the five octets of m1's version 1 and waits until the request is sent.
    void fetch() {
        fetching_ = std::async(std::launch::async, [this] {
            DataRequest request;
            request.key = {"acme", "model", "m1"};
            request.instance_id = 1;
            request.total = 5;
            return packets_.fetch(cloud_, request, sink_);
        });
        ASSERT_TRUE(eventually([&] { return !sent(Command::GetData).empty(); }));
    }
    bool is_waiting() { return fetching_.wait_for(std::chrono::seconds(0)) != std::future_status::ready; }

    Message feedback(std::int32_t code, bool from_origin, InstanceId instance = 1, const std::string& id = "m1") {
        Message message = about(Command::Feedback, metadata(id));
        message.meta.instance_id = instance;
        message.feedback.code = code;
        message.feedback.from_origin = from_origin;
        message.feedback.reason = "because";
        return message;
    }

    const NodeKey cloud_{"acme", "Cloud", "Cloud"};
    Sink sink_;
    std::future<PeerAnswer> fetching_;
};

TEST_F(PacketHostOfEss, NobodyRegistersAtAnEss) {
    for (const Command command : {Command::Register, Command::RegisterNew, Command::Ping, Command::Unregister, Command::Resend}) {
        EXPECT_EQ(handle(cloud_, command).verdict, Verdict::Invalid) << to_string(command);
    }
    EXPECT_THAT(line_.sent(), IsEmpty()) << "nothing is said about it";
    EXPECT_FALSE(knows(cloud_));
}

TEST_F(PacketHostOfEss, AnUpdateKeepsNothingWaitingForItsData) {
    std::vector<std::function<void(HandleResult)>> kept;
    on_announced = [&](const Message& message, std::function<void(HandleResult)> done) {
        EXPECT_EQ(message.meta.object_id, "m1");
        kept.push_back(std::move(done));
    };
    EXPECT_EQ(handle(cloud_, Command::Update, metadata("m1")).verdict, Verdict::Accepted);
    ASSERT_THAT(kept, SizeIs(1));
    kept[0]({Verdict::Failed, {}, "later"});  // Nobody is told twice.
}

TEST_F(PacketHostOfEss, ARegistrationSaysWhatTheNodeCan) {
    for (const Command command : {Command::Register, Command::RegisterNew, Command::Ping}) {
        Message message;
        message.command = command;
        packets_.send(cloud_, message);
    }
    std::vector<std::vector<std::string>> said;
    for (const auto& one : line_.sent()) said.push_back(one.message.capabilities);
    EXPECT_THAT(said, ElementsAre(ElementsAre("digest"), ElementsAre("digest"), IsEmpty()));
}

TEST_F(PacketHostOfEss, AnswersToARegistrationComeToThePartThatRegisters) {
    std::vector<Command> seen;
    on_registration_answer = [&](const Message& message) { seen.push_back(message.command); };
    for (const Command command : {Command::RegAck, Command::RegisterAsNew, Command::AckResend}) {
        EXPECT_EQ(handle(cloud_, command).verdict, Verdict::Accepted) << to_string(command);
    }
    EXPECT_THAT(seen, ElementsAre(Command::RegAck, Command::RegisterAsNew, Command::AckResend));
}

TEST_F(PacketHostOfEss, AnAnswerThatCannotBeStoredOrIsTooMuchIsNotTaken) {
    on_registration_answer = [](const Message&) { throw Error(ErrorKind::NotConnected, "away"); };
    EXPECT_EQ(handle(cloud_, Command::RegAck).verdict, Verdict::Failed);
    workers_of_host_.is_full = true;
    EXPECT_EQ(handle(cloud_, Command::RegAck).verdict, Verdict::Busy);
}

TEST_F(PacketHostOfEss, DataReachesWhoeverWaitsForIt) {
    fetch();
    EXPECT_EQ(bring(cloud_, 2, 0, "other").verdict, Verdict::Ignored) << "of another version";
    EXPECT_EQ(bring(cloud_, 1, 5, "other").verdict, Verdict::Ignored) << "from another place";
    EXPECT_EQ(bring({"other", "Cloud", "Cloud"}, 1, 0, "other").verdict, Verdict::Ignored) << "of another organization";
    EXPECT_TRUE(is_waiting());
    EXPECT_EQ(bring(cloud_, 1, 0, "abcde").verdict, Verdict::Accepted);
    EXPECT_EQ(fetching_.get().verdict, Verdict::Accepted);
    EXPECT_EQ(sink_.octets_, "abcde");
    EXPECT_EQ(bring(cloud_, 1, 0, "abcde").verdict, Verdict::Ignored) << "once more";
}

TEST_F(PacketHostOfEss, TheCssSaysThatTheDataIsGone) {
    fetch();
    handle(cloud_, feedback(5, true));
    EXPECT_EQ(fetching_.get().verdict, Verdict::NotFound);
}

TEST_F(PacketHostOfEss, TheCssSaysThatItCannotReadTheData) {
    fetch();
    handle(cloud_, feedback(2, true));
    EXPECT_THROW(fetching_.get(), Error) << "another try may succeed";
}

TEST_F(PacketHostOfEss, OtherFeedbackDoesNotEndAFetch) {
    fetch();
    handle(cloud_, feedback(5, false));
    handle(cloud_, feedback(5, true, 2));
    handle(cloud_, feedback(5, true, 1, "m2"));
    handle(cloud_, feedback(10000, true));
    EXPECT_TRUE(is_waiting());
    bring(cloud_, 1, 0, "abcde");
    EXPECT_EQ(fetching_.get().verdict, Verdict::Accepted);
}

TEST_F(PacketHostOfEss, ALineThatIsLostEndsAFetch) {
    fetch();
    host_->line_changed(true);
    EXPECT_TRUE(is_waiting());
    host_->line_changed(false);
    EXPECT_THROW(fetching_.get(), Error);
    EXPECT_THAT(changes_, ElementsAre(true, false));
}

TEST_F(PacketHostOfEss, OwnDataIsGivenToTheCss) {
    publish(metadata("m1"), "abcde");
    do_work();
    EXPECT_EQ(handle(cloud_, Command::GetData, object("m1")->meta).verdict, Verdict::Accepted);
    ASSERT_THAT(line_.pushed(), SizeIs(1));
    EXPECT_EQ(line_.pushed()[0].octets, "abcde");
}

TEST_F(PacketHostOfEss, RepliesAreMessagesOfTheirOwn) {
    Metadata meta = metadata("m1");
    meta.instance_id = 1;
    const auto result = handle(cloud_, Command::Delete, meta);
    EXPECT_THAT(result.replies, IsEmpty());
    ASSERT_THAT(sent(Command::AckDelete), SizeIs(1));
    EXPECT_EQ(sent(Command::AckDelete)[0].meta.destination_id, "cam1") << "it says who it is";
}

}  // namespace
}  // namespace edgesync
