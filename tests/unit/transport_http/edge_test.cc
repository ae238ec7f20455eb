// The transport as an ESS runs it, against the one of a CSS over loopback.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <set>

#include "edgesync/sdk/codec.h"
#include "edgesync/sdk/error.h"
#include "tests/unit/transport_http/css_fixture.h"

namespace edgesync::transport_http::test {
namespace {

using http::test::eventually;

const NodeKey kCloud{"acme", "Cloud", "Cloud"};

struct EdgeNode {
    explicit EdgeNode(std::uint16_t port, std::map<std::string, std::string> more = {}) : settings(edge_settings(port, std::move(more))) {
        transport.configure(settings, host.log());
        transport.start(host);
    }
    ~EdgeNode() {
        transport.drain();
        transport.stop();
    }
    FixedSettings settings;
    RecordingHost host{NodeRole::Ess, settings};
    HttpTransport transport;
};

class EdgeTest : public testing::Test {
protected:
    PeerAnswer send(const Message& message) { return edge.transport.send(kCloud, message); }

    CssNode css;
    EdgeNode edge{css.listener.port()};
};

Message about_object(Command command) {
    Message message;
    message.command = command;
    message.meta.org = "acme";
    message.meta.object_type = "model";
    message.meta.object_id = "m1";
    message.meta.instance_id = 17;
    message.meta.data_id = 15;
    message.meta.origin_id = "n1";
    message.meta.origin_type = "edge";
    return message;
}

TEST_F(EdgeTest, SendsEveryMessageThatItsProtocolHas) {
    for (const Command command : {Command::Register, Command::RegisterNew, Command::Ping, Command::Unregister, Command::Resend}) {
        Message message;
        message.command = command;
        message.is_persistent = true;
        EXPECT_EQ(send(message).verdict, Verdict::Accepted) << to_string(command);
        const auto handled = css.host.handled().back();
        EXPECT_EQ(handled.message.command, command);
        EXPECT_EQ(handled.peer, (NodeKey{"acme", "edge", "n1"}));
    }
    for (const Command command : {Command::Update, Command::Received, Command::Consumed, Command::AckConsumed, Command::Delete,
                                  Command::AckDelete, Command::Deleted, Command::AckDeleted, Command::AckReceived, Command::Feedback}) {
        Message message = about_object(command);
        if (command == Command::Feedback) message.feedback = {4, 30, "no \"room\"", false};
        EXPECT_EQ(send(message).verdict, Verdict::Accepted) << to_string(command);
        const auto handled = css.host.handled().back();
        EXPECT_EQ(handled.message.command, command);
        EXPECT_EQ(handled.message.key(), message.key()) << to_string(command);
        EXPECT_EQ(handled.message.meta.instance_id, 17) << to_string(command);
        if (command != Command::Feedback) continue;
        EXPECT_EQ(handled.message.feedback.code, 4);
        EXPECT_EQ(handled.message.feedback.retry_seconds, 30);
        EXPECT_EQ(handled.message.feedback.reason, "no \"room\"");
    }
}

TEST_F(EdgeTest, SendsNothingForWhatHttpImplies) {
    const std::size_t before = css.host.handled().size();
    EXPECT_EQ(send(about_object(Command::GetData)).verdict, Verdict::Accepted);
    EXPECT_EQ(css.host.handled().size(), before);
}

TEST_F(EdgeTest, LearnsTheVerdictFromTheStatus) {
    const std::pair<Verdict, Verdict> rows[] = {{Verdict::Accepted, Verdict::Accepted},       {Verdict::Ignored, Verdict::Ignored},
                                                {Verdict::UnknownPeer, Verdict::UnknownPeer}, {Verdict::Invalid, Verdict::Invalid},
                                                {Verdict::Refused, Verdict::Refused},         {Verdict::Busy, Verdict::Busy},
                                                {Verdict::Unavailable, Verdict::Unavailable}, {Verdict::Failed, Verdict::Failed}};
    for (const auto& [given, expected] : rows) {
        css.host.verdict.verdict = given;
        css.host.verdict.reason = "a reason";
        const PeerAnswer answer = send(about_object(Command::Received));
        EXPECT_EQ(answer.verdict, expected) << static_cast<int>(given);
        if (given == Verdict::Failed) {
            EXPECT_NE(answer.reason.find("status 500"), std::string::npos) << answer.reason;
        }
    }
}

TEST_F(EdgeTest, IsToldThatItIsUnknownWhenItRegistersOrPings) {
    css.host.verdict.verdict = Verdict::UnknownPeer;
    for (const Command command : {Command::Register, Command::Ping}) {
        Message message;
        message.command = command;
        EXPECT_EQ(send(message).verdict, Verdict::UnknownPeer) << to_string(command);
    }
}

TEST_F(EdgeTest, LearnsTheCapabilitiesOfTheCss) {
    Message message;
    message.command = Command::Register;
    EXPECT_EQ(send(message).capabilities, (std::vector<std::string>{"wait", "digest"}));
}

TEST_F(EdgeTest, FailsWithNotConnectedWhileTheCssIsAwayAndWorksWhenItIsBack) {
    Message ping;
    EXPECT_EQ(send(ping).verdict, Verdict::Accepted);
    css.listener.stop();
    for (int i = 0; i < 2; ++i) {
        try {
            send(ping);
            ADD_FAILURE() << "sent to nobody";
        } catch (const Error& error) {
            EXPECT_EQ(error.kind(), ErrorKind::NotConnected) << error.what();
        }
    }
}

/// Takes connections (the system does), and never answers.
class SilentCss {
public:
    SilentCss() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        if (::bind(socket_, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(socket_, 16) != 0 ||
            ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
            throw std::runtime_error("cannot listen");
        }
        port_ = ntohs(address.sin_port);
    }
    ~SilentCss() { ::close(socket_); }
    SilentCss(const SilentCss&) = delete;
    SilentCss& operator=(const SilentCss&) = delete;
    std::uint16_t port() const { return port_; }

private:
    int socket_;
    std::uint16_t port_ = 0;
};

TEST(EdgeTimeouts, GiveUpOnASilentCssAfterTheConfiguredTime) {
    const SilentCss css;
    for (const int seconds : {1, 2}) {
        EdgeNode edge(css.port(), {{"HTTPESSClientTimeout", std::to_string(seconds)}});
        const auto began = std::chrono::steady_clock::now();
        EXPECT_THROW(edge.transport.send(kCloud, about_object(Command::Received)), Error) << seconds;
        const auto took = std::chrono::steady_clock::now() - began;
        EXPECT_GE(took, std::chrono::seconds(seconds) - 100ms);
        EXPECT_LT(took, std::chrono::seconds(seconds) + 6s) << "the other settings say 10 s and more";
    }
}

struct Sink : DataSink {
    bool begin(bool is_whole, std::int64_t expected, const std::string& digest) override {
        whole = is_whole;
        length = expected;
        sha256 = digest;
        ++begins;
        return true;
    }
    bool write(std::span<const std::byte> more) override {
        octets.append(reinterpret_cast<const char*>(more.data()), more.size());
        return octets.size() < stop_at;
    }
    bool whole = false;
    std::int64_t length = 0;
    std::string sha256;
    std::string octets;
    int begins = 0;
    std::size_t stop_at = SIZE_MAX;
};

DataRequest request_of(std::int64_t offset, std::int64_t length, std::int64_t total) {
    return {about_object(Command::Update).key(), 17, 15, offset, length, total};
}

TEST_F(EdgeTest, FetchesTheWholeOrAPart) {
    const std::string data = http::test::pattern(3'000'000);
    css.host.data = data;
    css.host.data_sha256 = std::string(32, 'd');
    struct Row {
        std::int64_t offset, length;
    };
    for (const Row& row : {Row{0, 0}, Row{0, 1}, Row{1'000'000, 1'500'000}, Row{2'999'999, 1}}) {
        Sink sink;
        const PeerAnswer answer = edge.transport.fetch(kCloud, request_of(row.offset, row.length, 3'000'000), sink);
        EXPECT_EQ(answer.verdict, Verdict::Accepted) << answer.reason;
        const std::int64_t length = row.length == 0 ? 3'000'000 : row.length;
        EXPECT_TRUE(sink.octets == data.substr(static_cast<std::size_t>(row.offset), static_cast<std::size_t>(length))) << row.offset;
        EXPECT_EQ(sink.length, length);
        EXPECT_FALSE(sink.whole);
        EXPECT_EQ(sink.sha256, std::string(32, 'd'));
    }
}

TEST_F(EdgeTest, TellsWhyThereIsNoData) {
    const std::pair<Verdict, Verdict> rows[] = {{Verdict::NotFound, Verdict::NotFound},
                                                {Verdict::Ignored, Verdict::Ignored},
                                                {Verdict::Busy, Verdict::Busy},
                                                {Verdict::Failed, Verdict::Failed}};
    for (const auto& [given, expected] : rows) {
        css.host.open_verdict = given;
        Sink sink;
        EXPECT_EQ(edge.transport.fetch(kCloud, request_of(0, 0, 11), sink).verdict, expected) << static_cast<int>(given);
        EXPECT_EQ(sink.begins, 0);
    }
}

TEST_F(EdgeTest, StopsAFetchThatItsSinkEnds) {
    css.host.data = http::test::pattern(8'000'000);
    Sink sink;
    sink.stop_at = 1;
    edge.transport.fetch(kCloud, request_of(0, 0, 8'000'000), sink);
    EXPECT_LT(sink.octets.size(), 8'000'000U);
    Sink after;
    EXPECT_EQ(edge.transport.fetch(kCloud, request_of(0, 10, 8'000'000), after).verdict, Verdict::Accepted) << "the line is not reused";
    EXPECT_EQ(after.octets, http::test::pattern(10));
}

TEST_F(EdgeTest, PushesTheWholeOrAPart) {
    const std::string data = http::test::pattern(2'000'000);
    http::test::TestBlob source(data);
    const std::string sha256(32, 's');
    struct Row {
        std::int64_t offset, length;
        bool is_part;
    };
    for (const Row& row : {Row{0, 0, false}, Row{0, 2'000'000, false}, Row{500'000, 700'000, true}}) {
        const PeerAnswer answer = edge.transport.push(kCloud, request_of(row.offset, row.length, 2'000'000), source, sha256);
        EXPECT_EQ(answer.verdict, Verdict::Accepted) << answer.reason;
        const auto upload = css.host.upload();
        EXPECT_TRUE(upload.is_finished);
        EXPECT_EQ(upload.peer, (NodeKey{"acme", "edge", "n1"}));
        EXPECT_EQ(upload.repr_sha256, sha256);
        const auto length = static_cast<std::size_t>(row.length == 0 ? 2'000'000 : row.length);
        EXPECT_TRUE(upload.octets == data.substr(static_cast<std::size_t>(row.offset), length)) << row.offset;
        EXPECT_EQ(upload.request.length, row.is_part ? row.length : 0);
        EXPECT_EQ(upload.request.offset, row.is_part ? row.offset : 0);
    }
}

TEST_F(EdgeTest, IsToldTheVerdictOnAnUploadBeforeItSendsIt) {
    css.host.start_verdict.verdict = Verdict::Ignored;
    http::test::TestBlob source(http::test::pattern(2'000'000));
    EXPECT_EQ(edge.transport.push(kCloud, request_of(0, 0, 2'000'000), source, "").verdict, Verdict::Ignored);
    EXPECT_FALSE(css.host.upload().is_finished);
}

TEST_F(EdgeTest, PollsOnlyWhileItIsRegistered) {
    Message ping;
    send(ping);
    EXPECT_TRUE(css.host.polls().empty());
    edge.transport.registration_changed(true, {"wait"});
    EXPECT_TRUE(eventually([&] { return !css.host.polls().empty(); }));
    EXPECT_EQ(css.host.polls().front().wait.count(), 30);
}

TEST_F(EdgeTest, HandlesWhatAParkedPollBringsAndPollsAgain) {
    edge.transport.registration_changed(true, {"wait"});
    ASSERT_TRUE(eventually([&] { return !css.host.polls().empty(); }));
    PollResult result;
    result.items = {about_object(Command::Update), about_object(Command::Delete)};
    result.granted = std::chrono::seconds(30);
    EXPECT_TRUE(eventually([&] { return css.host.answer_parked(result); }));
    EXPECT_TRUE(eventually([&] { return edge.host.handled().size() == 2; }));
    const auto handled = edge.host.handled();
    EXPECT_EQ(handled[0].message.command, Command::Update);
    EXPECT_EQ(handled[1].message.command, Command::Delete);
    EXPECT_EQ(handled[0].message.key(), about_object(Command::Update).key());
    EXPECT_EQ(handled[0].peer, kCloud);
    EXPECT_TRUE(eventually([&] { return css.host.polls().size() >= 2; }));
}

TEST_F(EdgeTest, ReportsThatTheCssDoesNotKnowIt) {
    css.host.poll_result.verdict = Verdict::UnknownPeer;
    edge.transport.registration_changed(true, {"wait"});
    EXPECT_TRUE(eventually([&] { return edge.host.unknown_reports() > 0; }));
}

TEST_F(EdgeTest, FallsBackToTheClockWhenTheCssGrantsNoWait) {
    css.host.poll_result.items = {about_object(Command::Update)};
    edge.transport.registration_changed(true, {});
    ASSERT_TRUE(eventually([&] { return edge.host.handled().size() >= 2; })) << "it goes on polling";
    const auto polls = css.host.polls();
    EXPECT_EQ(polls.front().wait.count(), 30);
    EXPECT_EQ(polls.back().wait.count(), 0) << "it asks for no wait that it does not get";
}

TEST_F(EdgeTest, EndsAParkedPollAtOnceWhenItStops) {
    edge.transport.registration_changed(true, {"wait"});
    ASSERT_TRUE(eventually([&] { return !css.host.polls().empty(); }));
    const auto began = std::chrono::steady_clock::now();
    edge.transport.drain();
    edge.transport.stop();
    EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(5));
    EXPECT_TRUE(eventually([&] { return css.host.cancelled().size() == 1; })) << "the CSS notices that nobody waits any more";
}

TEST_F(EdgeTest, WithoutPushAsksByTheClockOnly) {
    EdgeNode clocked(css.listener.port(), {{"HTTPPush", "false"}});
    clocked.transport.registration_changed(true, {"wait"});
    ASSERT_TRUE(eventually([&] { return css.host.polls().size() >= 2; }));
    for (const auto& poll : css.host.polls()) EXPECT_EQ(poll.wait.count(), 0);
}

}  // namespace
}  // namespace edgesync::transport_http::test
