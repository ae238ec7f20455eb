// Every message in both directions: what arrives, from whom, and what comes back.
#include <algorithm>
#include <future>

#include "transport_test.h"

namespace edgesync::conformance {
namespace {

constexpr Command kAboutObjects[] = {Command::Update,   Command::Updated,     Command::Received, Command::AckReceived,
                                     Command::Consumed, Command::AckConsumed, Command::Delete,   Command::AckDelete,
                                     Command::Deleted,  Command::AckDeleted,  Command::Feedback};
constexpr Command kPolled[] = {Command::Update, Command::Consumed, Command::Delete, Command::Deleted, Command::Received};

bool has_whole_metadata(Command command) { return command == Command::Update || command == Command::Delete || command == Command::Deleted; }

std::string differing_fields(const Metadata& a, const Metadata& b) {
    ObjectRecord one;
    ObjectRecord other;
    one.meta = a;
    other.meta = b;
    return differences(one, other);
}

class TransportMessages : public TransportTest {
protected:
    std::vector<Command> of_node() {
        std::vector<Command> commands(std::begin(kAboutObjects), std::end(kAboutObjects));
        if (!up().fetches_data) commands.push_back(Command::GetData);
        return commands;
    }
    std::vector<Command> of_cloud() {
        if (!down().sends_unasked) return {std::begin(kPolled), std::end(kPolled)};
        std::vector<Command> commands(std::begin(kAboutObjects), std::end(kAboutObjects));
        commands.push_back(Command::GetData);
        return commands;
    }

    static void fill(Message& message) {
        if (message.command == Command::GetData) message.offset = (1LL << 40) + 7;
        if (message.command == Command::Feedback) message.feedback = {5, 61, "It is \"gone\"\n\xe6\xbc\xa2", true};
        if (message.command == Command::Update) message.sha256 = std::string("\0\x01\xff", 3) + std::string(29, 'd');
    }

    /// `is_digest_carried`: of an Update; a transport with `push` may carry it with the data instead.
    void expect_same(const Message& got, const Message& sent, bool is_digest_carried) {
        const std::string what = to_string(sent.command);
        EXPECT_EQ(got.command, sent.command);
        EXPECT_EQ(got.key(), sent.key()) << what;
        EXPECT_EQ(got.meta.instance_id, sent.meta.instance_id) << what;
        EXPECT_EQ(got.meta.data_id, sent.meta.data_id) << what;
        if (has_whole_metadata(sent.command) || environment().carries_all_metadata()) {
            EXPECT_EQ(differing_fields(got.meta, sent.meta), "") << what << broken("Update, Delete and Deleted carry all metadata");
        }
        EXPECT_EQ(got.offset, sent.offset) << what;
        EXPECT_EQ(got.feedback.code, sent.feedback.code) << what;
        EXPECT_EQ(got.feedback.retry_seconds, sent.feedback.retry_seconds) << what;
        EXPECT_EQ(got.feedback.reason, sent.feedback.reason) << what;
        // Where the CSS answers at once only a receiver gives feedback.
        if (is_packets()) {
            EXPECT_EQ(got.feedback.from_origin, sent.feedback.from_origin) << what;
        }
        if (is_digest_carried) {
            EXPECT_EQ(got.sha256, sent.sha256) << what;
        }
    }
};

TEST_F(TransportMessages, EveryMessageOfANodeArrivesAsItWasSent) {
    for (const Command command : of_node()) {
        Message sent = from_node(command, std::string("up-") + to_string(command));
        fill(sent);
        const PeerAnswer answer = send(sent);
        if (up().send_is_answered) {
            EXPECT_EQ(answer.verdict, Verdict::Accepted) << to_string(command) << answer.reason;
        }
        const auto arrived = [&](const Seen& seen) { return !seen.about(sent.meta.object_id).empty(); };
        ASSERT_TRUE(css().host().await(arrived)) << to_string(command) << " did not arrive";
        const auto got = css().host().see([&](const Seen& seen) { return seen.about(sent.meta.object_id); });
        EXPECT_EQ(got.size(), 1U) << to_string(command);
        EXPECT_EQ(got.front().peer, kNode) << broken("the peer of `handle` is the authenticated node");
        expect_same(got.front().message, sent, !up().pushes_data);
    }
}

TEST_F(TransportMessages, EveryMessageOfTheCloudArrivesAsItWasSent) {
    for (const Command command : of_cloud()) {
        Message sent = from_cloud(command, std::string("down-") + to_string(command));
        fill(sent);
        tell(kNode, sent);
        const auto arrived = [&](const Seen& seen) { return !seen.about(sent.meta.object_id).empty(); };
        ASSERT_TRUE(ess().host().await(arrived)) << to_string(command) << " did not arrive";
        const auto got = ess().host().see([&](const Seen& seen) { return seen.about(sent.meta.object_id); });
        EXPECT_EQ(got.size(), 1U) << to_string(command);
        EXPECT_EQ(got.front().peer, kCloud) << broken("the peer of `handle` on an ESS is {own org, \"Cloud\", \"Cloud\"}");
        expect_same(got.front().message, sent, true);
    }
}

TEST_F(TransportMessages, ARegistrationSaysWhoRegistersAndHow) {
    std::vector<Command> commands = {Command::Register, Command::RegisterNew, Command::Ping, Command::Resend};
    if (up().send_is_answered) commands.push_back(Command::Unregister);
    for (const Command command : commands) {
        for (const bool is_persistent : {true, false}) {
            Message sent;
            sent.command = command;
            sent.is_persistent = is_persistent;
            sent.capabilities = {"digest"};
            const auto before = css().host().see([&](const Seen& seen) { return seen.of(command).size(); });
            const PeerAnswer answer = send(sent);
            ASSERT_TRUE(css().host().await([&](const Seen& seen) { return seen.of(command).size() > before; })) << to_string(command);
            const auto got = css().host().see([&](const Seen& seen) {
                const auto is_it = [&](const Handled& one) { return one.message.command == command; };
                return *std::find_if(seen.handled.rbegin(), seen.handled.rend(), is_it);
            });
            EXPECT_EQ(got.peer, kNode) << to_string(command);
            if (command == Command::Resend || command == Command::Unregister) continue;
            EXPECT_EQ(got.message.is_persistent, is_persistent) << to_string(command);
            if (command == Command::Ping) continue;
            EXPECT_FALSE(got.message.protocol.empty()) << broken("a registration names the transport that carries it");
            EXPECT_EQ(got.message.code_version, "1.0");
            const auto& capabilities = got.message.capabilities;
            EXPECT_TRUE(std::count(capabilities.begin(), capabilities.end(), "digest")) << to_string(command);
            if (up().send_is_answered) {
                EXPECT_FALSE(answer.capabilities.empty()) << broken("the answer has the capabilities of the CSS");
            }
        }
    }
}

TEST_F(TransportMessages, AnswersToARegistrationReachTheNode) {
    if (!is_packets()) GTEST_SKIP() << "they are verdicts";
    for (const Command command : {Command::RegAck, Command::RegisterAsNew, Command::AckResend}) {
        const auto before = ess().host().see([&](const Seen& seen) { return seen.of(command).size(); });
        Message sent;
        sent.command = command;
        if (command == Command::RegAck) sent.capabilities = {"digest", "x"};
        tell(kNode, sent);
        ASSERT_TRUE(ess().host().await([&](const Seen& seen) { return seen.of(command).size() > before; })) << to_string(command);
        const auto got = ess().host().see([&](const Seen& seen) { return seen.of(command).back(); });
        EXPECT_EQ(got.capabilities, sent.capabilities);
    }
}

TEST_F(TransportMessages, TheVerdictOfTheCloudComesBack) {
    if (!up().send_is_answered) GTEST_SKIP() << "the transport has no answers";
    for (const Verdict verdict : {Verdict::Accepted, Verdict::Ignored, Verdict::UnknownPeer, Verdict::NotFound, Verdict::Invalid,
                                  Verdict::Refused, Verdict::Busy, Verdict::Unavailable, Verdict::Failed}) {
        Script script;
        script.answer = [verdict](const NodeKey&, const Message&) { return HandleResult{verdict, {}, "scripted"}; };
        css().host().follow(script);
        // Each about another object: who repeats what fails may be slowed down.
        const auto number = std::to_string(static_cast<int>(verdict));
        EXPECT_EQ(send(from_node(Command::Update, "v" + number)).verdict, verdict);
        EXPECT_EQ(send(from_node(Command::Received, "w" + number)).verdict, verdict);
    }
    Script script;
    script.answer = [](const NodeKey&, const Message&) { return HandleResult{Verdict::Failed, {}, "the fuse is blown"}; };
    css().host().follow(script);
    EXPECT_NE(send(from_node(Command::Update, "why")).reason.find("the fuse is blown"), std::string::npos);
}

TEST_F(TransportMessages, AnUnknownNodeIsTold) {
    Script script;
    script.answer = [](const NodeKey&, const Message&) { return HandleResult{Verdict::UnknownPeer, {}, "not registered"}; };
    script.poll = Verdict::UnknownPeer;
    if (up().send_is_answered) {
        css().host().follow(script);
        for (const Command command : {Command::Register, Command::Ping, Command::Update}) {
            EXPECT_EQ(send(from_node(command, "unknown")).verdict, Verdict::UnknownPeer) << to_string(command);
        }
    }
    if (!down().sends_unasked) {
        css().host().follow(script);
        css().host().queue(kNode, from_cloud(Command::Update, "wakes"));
        EXPECT_TRUE(ess().host().await([](const Seen& seen) { return seen.unknown_reports > 0; }))
            << broken("a poll that is answered with UnknownPeer is reported with report_unknown");
    }
    Script registers_anew;
    registers_anew.answer = [](const NodeKey&, const Message& message) {
        HandleResult result{Verdict::UnknownPeer, {}, "not registered"};
        result.replies.emplace_back().command = message.command == Command::Register ? Command::RegisterAsNew : Command::Feedback;
        return result;
    };
    if (!is_packets()) return;
    css().host().follow(registers_anew);
    send(from_node(Command::Register, ""));
    EXPECT_TRUE(ess().host().await([](const Seen& seen) { return !seen.of(Command::RegisterAsNew).empty(); }))
        << broken("replies are sent whatever the verdict");
}

HandleResult two_replies(const NodeKey&, const Message& message) {
    HandleResult result;
    result.verdict = Verdict::Ignored;
    if (message.command != Command::Update) return result;
    for (const Command command : {Command::Updated, Command::Received}) {
        Message& reply = result.replies.emplace_back(message);
        reply.command = command;
    }
    return result;
}

TEST_F(TransportMessages, RepliesGoToWhoAskedInTheirOrder) {
    TestNode& other = add_node("n2");
    Script script;
    script.answer = two_replies;
    css().host().follow(script);
    send(from_node(Command::Update, "asked"));
    Script quiet;
    quiet.answer = [](const NodeKey&, const Message&) { return HandleResult{}; };
    if (is_packets()) {
        ASSERT_TRUE(ess().host().await([](const Seen& seen) { return seen.about("asked").size() == 2; }))
            << broken("replies are sent to the peer that asked, whatever the verdict");
        const auto got = ess().host().see([](const Seen& seen) { return seen.about("asked"); });
        EXPECT_EQ(got[0].message.command, Command::Updated);
        EXPECT_EQ(got[1].message.command, Command::Received);
        EXPECT_EQ(got[0].peer, kCloud);
    }
    css().host().follow(quiet);
    // What is sent afterwards arrives afterwards.
    for (auto* const node : {&ess(), &other}) {
        tell(node->self(), from_cloud(Command::Update, "afterwards"));
        ASSERT_TRUE(node->host().await([](const Seen& seen) { return !seen.about("afterwards").empty(); }));
    }
    EXPECT_TRUE(other.host().see([](const Seen& seen) { return seen.about("asked").empty(); })) << "it did not ask";
    if (!is_packets()) {
        EXPECT_TRUE(ess().host().see([](const Seen& seen) { return seen.about("asked").empty(); }))
            << broken("a transport whose protocol implies replies drops them");
    }
}

TEST_F(TransportMessages, AVerdictThatComesLateCounts) {
    Script script;
    script.answer = two_replies;
    css().host().follow(script);
    css().host().hold();
    auto sending = std::async(std::launch::async, [this] { return send(from_node(Command::Update, "late")).verdict; });
    ASSERT_TRUE(css().host().await([](const Seen& seen) { return !seen.about("late").empty(); }));
    if (up().send_is_answered) {
        EXPECT_EQ(sending.wait_for(300ms), std::future_status::timeout) << broken("`send` waits for the peer's verdict");
    }
    css().host().release();
    const Verdict verdict = sending.get();
    if (up().send_is_answered) {
        EXPECT_EQ(verdict, Verdict::Ignored);
    }
    if (is_packets()) {
        EXPECT_TRUE(ess().host().await([](const Seen& seen) { return seen.about("late").size() == 2; }));
    }
}

TEST_F(TransportMessages, EveryNodeIsKnownByItsOwnLine) {
    TestNode& other = add_node("n2");
    send(from_node(Command::Update, "one"));
    other.transport().send(kCloud, from_node(Command::Update, "two", other.self()));
    ASSERT_TRUE(css().host().await([](const Seen& seen) { return !seen.about("one").empty() && !seen.about("two").empty(); }));
    css().host().see([&](const Seen& seen) {
        EXPECT_EQ(seen.about("one").front().peer, kNode);
        EXPECT_EQ(seen.about("two").front().peer, other.self());
        return 0;
    });
    tell(kNode, from_cloud(Command::Update, "for-one"));
    tell(other.self(), from_cloud(Command::Update, "for-two"));
    ASSERT_TRUE(ess().host().await([](const Seen& seen) { return !seen.about("for-one").empty(); }));
    ASSERT_TRUE(other.host().await([](const Seen& seen) { return !seen.about("for-two").empty(); }));
    EXPECT_TRUE(ess().host().see([](const Seen& seen) { return seen.about("for-two").empty(); }));
    EXPECT_TRUE(other.host().see([](const Seen& seen) { return seen.about("for-one").empty(); }));
}

TEST_F(TransportMessages, ACloudThatIsPolledRefusesToSend) {
    if (down().sends_unasked) GTEST_SKIP() << "it reaches its peers unasked";
    EXPECT_EQ(failure_of([&] { css().transport().send(kNode, from_cloud(Command::Update, "no")); }), ErrorKind::Unsupported)
        << broken("traits().sends_unasked is false: `send` is Unsupported");
}

TEST_F(TransportMessages, OneLoopPollsHoweverOftenTheNodeRegisters) {
    if (down().sends_unasked) GTEST_SKIP() << "nobody polls";
    for (int i = 0; i < 5; ++i) ess().transport().registration_changed(true, {"wait"});
    for (int i = 0; i < 20; ++i) {
        const std::string id = "poll" + std::to_string(i);
        tell(kNode, from_cloud(Command::Update, id));
        ASSERT_TRUE(ess().host().await([&](const Seen& seen) { return !seen.about(id).empty(); }));
        EXPECT_EQ(ess().host().see([&](const Seen& seen) { return seen.about(id).size(); }), 1U);
    }
    EXPECT_EQ(css().host().see([](const Seen& seen) { return seen.most_parked; }), 1U) << broken("exactly one loop polls");
}

}  // namespace
}  // namespace edgesync::conformance
