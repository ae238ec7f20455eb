#include "kernel/delivery/registration_client.h"

#include <gmock/gmock.h>

#include "tests/unit/edge/edge_fixture.h"

namespace edgesync {
namespace {

using testing::eventually;
using ::testing::SizeIs;

class CountingLog : public testing::QuietLog {
public:
    void log(LogLevel level, std::string_view) noexcept override {
        errors += level == LogLevel::Error ? 1 : 0;
        warnings += level == LogLevel::Warning ? 1 : 0;
    }
    std::atomic<int> errors{0};
    std::atomic<int> warnings{0};
};

class RegistrationTest : public testing::EdgeTest {
protected:
    RegistrationTest() { context_.resend_interval = std::chrono::seconds(1); }

    /// As a process does that starts; ends the one before.
    void start() {
        if (client_) client_->stop();
        retired_.push_back(std::move(client_));
        client_ = std::make_unique<delivery::RegistrationClient>(context_, *operations_, scheduler_, counted_,
                                                                 delivery::RegistrationClient::Hooks{[this](bool registered, const auto&) {
                                                                     if (registered && is_failing_.exchange(false))
                                                                         throw Error(ErrorKind::Busy, "not now");
                                                                     ++(registered ? registered_ : unregistered_);
                                                                     if (!registered && on_unregistered_) on_unregistered_();
                                                                 }},
                                                                 ping_interval_);
        client_->set_transport(transport_);
        client_->start();
        if (stops_.empty()) stops_.emplace_back([this] { client_->stop(); });
    }

    std::chrono::milliseconds ping_interval_{0};
    CountingLog counted_;
    std::unique_ptr<delivery::RegistrationClient> client_;
    std::vector<std::unique_ptr<delivery::RegistrationClient>> retired_;  // Their last ticks may still be queued.
    std::atomic<int> registered_{0};
    std::atomic<int> unregistered_{0};
    std::atomic<bool> is_failing_{false};
    std::function<void()> on_unregistered_;
};

TEST_F(RegistrationTest, RegistersAndTellsWhoDependsOnIt) {
    start();
    EXPECT_TRUE(eventually([&] { return registered_ == 1; }));
    EXPECT_TRUE(client_->is_registered());
    EXPECT_TRUE(transport_.sent(Command::RegisterNew).empty());
}

TEST_F(RegistrationTest, TriesUntilTheCssAnswers) {
    std::atomic<int> calls{0};
    transport_.on_send = [&](const Message&) -> PeerAnswer {
        if (++calls < 3) throw Error(ErrorKind::NotConnected, "no line");
        return {};
    };
    start();
    EXPECT_TRUE(eventually([&] { return client_->is_registered(); }));
}

TEST_F(RegistrationTest, TriesAgainSoonIfTheCssIsNotUpYet) {
    context_.resend_interval = std::chrono::seconds(60);
    std::atomic<int> calls{0};
    transport_.on_send = [&](const Message&) -> PeerAnswer {
        if (++calls == 1) throw Error(ErrorKind::NotConnected, "no line");
        if (calls == 2) return {Verdict::Unavailable, "starting", {}};
        return {};
    };
    start();
    EXPECT_TRUE(eventually([&] { return client_->is_registered(); }));
}

TEST_F(RegistrationTest, AnUnknownNodeWithoutAPastRegistersAnewAtOnce) {
    transport_.on_send = [](const Message& message) {
        return PeerAnswer{message.command == Command::Register ? Verdict::UnknownPeer : Verdict::Accepted, "", {}};
    };
    start();
    EXPECT_TRUE(eventually([&] { return client_->is_registered(); }));
    EXPECT_THAT(transport_.sent(Command::Register), SizeIs(1));
    EXPECT_THAT(transport_.sent(Command::RegisterNew), SizeIs(1));
}

TEST_F(RegistrationTest, AnUnknownNodeWithAPastIsToldTwiceBeforeItForgets) {
    publish(metadata("m1"), "hello");
    transport_.on_send = [](const Message& message) {
        return PeerAnswer{message.command == Command::Register ? Verdict::UnknownPeer : Verdict::Accepted, "", {}};
    };
    start();
    EXPECT_TRUE(eventually([&] { return client_->is_registered(); }));
    EXPECT_THAT(transport_.sent(Command::Register), SizeIs(2));
    EXPECT_EQ(notification_status("m1", context_.self), NotificationStatus::Update) << "announced to the CSS that does not know it";
}

TEST_F(RegistrationTest, AnnouncesItsObjectsAlsoIfItDiedBetweenForgettingAndAnnouncing) {
    publish(metadata("m1"), "hello");
    // The CSS stored the node, but its answer did not arrive.
    transport_.on_send = [](const Message& message) -> PeerAnswer {
        if (message.command == Command::Register) return {Verdict::UnknownPeer, "", {}};
        throw Error(ErrorKind::NotConnected, "the line broke");
    };
    start();
    ASSERT_TRUE(eventually([&] { return !transport_.sent(Command::RegisterNew).empty(); }));
    client_->stop();
    ASSERT_FALSE(notification("m1", context_.self));
    transport_.on_send = [](const Message&) { return PeerAnswer{}; };
    start();
    EXPECT_TRUE(eventually([&] { return client_->is_registered(); }));
    EXPECT_EQ(notification_status("m1", context_.self), NotificationStatus::Update);
}

TEST_F(RegistrationTest, IsNotRegisteredWhenWhatDependsOnItCannotStart) {
    is_failing_ = true;
    start();
    EXPECT_TRUE(eventually([&] { return registered_ == 1; }));
    EXPECT_TRUE(client_->is_registered());
    EXPECT_THAT(transport_.sent(Command::Register), SizeIs(2));
}

TEST_F(RegistrationTest, RegistersAgainWhenAnotherCallSaysThatItIsUnknown) {
    start();
    ASSERT_TRUE(eventually([&] { return registered_ == 1; }));
    client_->report_unknown();
    EXPECT_EQ(unregistered_, 1);
    EXPECT_TRUE(eventually([&] { return client_->is_registered() && registered_ == 2; }));
}

/// Over a line whose answers come as messages; the line was lost and is back.
class RegistrationPacketTest : public RegistrationTest {
protected:
    RegistrationPacketTest() {
        context_.resend_interval = std::chrono::seconds(60);
        transport_.is_answered = false;
    }
    void start_and_lose_the_line() {
        start();
        ASSERT_TRUE(eventually([&] { return transport_.sent(Command::Register).size() == 1; }));
        client_->register_again();
        ASSERT_TRUE(eventually([&] { return transport_.sent(Command::Register).size() == 2; }));
    }
    /// The answer to the first registration, or to the second.
    void answer(Command command, std::size_t registration) {
        Message message;
        message.command = command;
        message.meta.instance_id = transport_.sent(Command::Register).at(registration).meta.instance_id;
        client_->handle(message);
    }
};

TEST_F(RegistrationPacketTest, TheAnswerToARegistrationOnAnEarlierConnectionDoesNotCount) {
    start_and_lose_the_line();
    answer(Command::RegAck, 0);
    EXPECT_FALSE(client_->is_registered()) << "the CSS may not have got the second, and must repeat what was lost";
    answer(Command::RegAck, 1);
    EXPECT_TRUE(client_->is_registered());
    EXPECT_EQ(registered_, 1);
}

TEST_F(RegistrationPacketTest, AnAnswerToARegistrationOfALaterNodeOfTheSameNameIsAWarningInTheLog) {
    start_and_lose_the_line();
    Message of_other;
    of_other.command = Command::RegAck;
    of_other.meta.instance_id = transport_.sent(Command::Register).at(1).meta.instance_id + 1'000'000;
    client_->handle(of_other);
    EXPECT_EQ(counted_.warnings, 0) << "it may be to an earlier run of this node, whose clock was ahead";
    answer(Command::RegAck, 0);
    answer(Command::RegAck, 1);
    EXPECT_EQ(counted_.warnings, 0);
    client_->handle(of_other);
    client_->handle(of_other);
    EXPECT_EQ(counted_.warnings, 1);
}

TEST_F(RegistrationPacketTest, ARefusalOfAnEarlierRegistrationDoesNotCount) {
    start_and_lose_the_line();
    answer(Command::RegisterAsNew, 0);
    EXPECT_TRUE(transport_.sent(Command::RegisterNew).empty());
    answer(Command::RegisterAsNew, 1);
    EXPECT_THAT(transport_.sent(Command::RegisterNew), SizeIs(1));
}

TEST_F(RegistrationPacketTest, ATraditionalCssWhichRepeatsNoNumberIsBelieved) {
    start_and_lose_the_line();
    Message message;
    message.command = Command::RegAck;
    client_->handle(message);
    EXPECT_TRUE(client_->is_registered());
}

TEST_F(RegistrationPacketTest, ButNotBeforeItWasAskedAnew) {
    start();
    ASSERT_TRUE(eventually([&] { return transport_.sent(Command::Register).size() == 1; }));
    Message message;
    message.command = Command::RegAck;
    client_->handle(message);
    ASSERT_TRUE(client_->is_registered());
    on_unregistered_ = [&] { client_->handle(message); };
    client_->register_again();
    EXPECT_EQ(unregistered_, 1);
    EXPECT_FALSE(client_->is_registered());
}

TEST_F(RegistrationTest, PingsTheCssAgainAndAgain) {
    ping_interval_ = std::chrono::milliseconds(1);
    start();
    EXPECT_TRUE(eventually([&] { return transport_.sent(Command::Ping).size() >= 2; }));
    EXPECT_TRUE(client_->is_registered());
    EXPECT_THAT(transport_.sent(Command::Register), SizeIs(1)) << "the pings are enough";
}

TEST_F(RegistrationTest, RegistersAgainWhenAPingSaysThatTheNodeIsUnknown) {
    ping_interval_ = std::chrono::milliseconds(1);
    const auto is_known = std::make_shared<std::atomic<bool>>(false);  // Pings go on until after the test.
    transport_.on_send = [is_known](const Message& message) {
        const bool is_refused = message.command == Command::Ping && !is_known->exchange(true);
        return PeerAnswer{is_refused ? Verdict::UnknownPeer : Verdict::Accepted, "", {}};
    };
    start();
    EXPECT_TRUE(eventually([&] { return unregistered_ == 1 && registered_ == 2; }));
}

TEST_F(RegistrationTest, DoesNotPingBeforeTheIntervalIsOverOrWithoutOne) {
    // What is asked for again at every tick shows that there were some.
    transport_.on_send = [](const Message& message) {
        return PeerAnswer{message.command == Command::Resend ? Verdict::Unavailable : Verdict::Accepted, "", {}};
    };
    for (const std::chrono::milliseconds interval : {std::chrono::milliseconds(0), std::chrono::milliseconds(std::chrono::hours(1))}) {
        ping_interval_ = interval;
        start();
        ASSERT_TRUE(eventually([&] { return client_->is_registered(); }));
        client_->request_resend();
        const auto before = transport_.sent(Command::Resend).size();
        EXPECT_TRUE(eventually([&] { return transport_.sent(Command::Resend).size() >= before + 2; }));
        EXPECT_THAT(transport_.sent(Command::Ping), SizeIs(0)) << interval.count();
    }
}

}  // namespace
}  // namespace edgesync
