#include "kernel/delivery/outbox.h"

#include <gmock/gmock.h>

#include "tests/unit/edge/edge_fixture.h"

namespace edgesync {
namespace {

using testing::eventually;
using ::testing::SizeIs;

/// The content of a file.
class Octets : public BlobReader {
public:
    std::int64_t size() const override { return 5; }
    std::size_t read(std::int64_t, std::span<std::byte>) override { return 0; }
};

/// Something happens when whoever caught it is through with it.
class FailureWithAnEnd : public Error {
public:
    explicit FailureWithAnEnd(std::function<void()> end)
        : Error(ErrorKind::NotConnected, "no line"), end_(nullptr, [end = std::move(end)](void*) { end(); }) {}

private:
    std::shared_ptr<void> end_;
};

class OutboxTest : public testing::EdgeTest {
protected:
    OutboxTest() {
        outbox_.set_transport(transport_);
        outbox_.set_registered(true);
        on_effects = [this](const rules::Effects& effects) {
            for (const auto& key : effects.send) outbox_.send(key);
        };
        stops_.emplace_back([this] { outbox_.stop(); });
    }

    delivery::Outbox outbox_{context_, *operations_, scheduler_, line_, log_, [] {}};
};

TEST_F(OutboxTest, AnnouncesAnOwnObjectAndPushesItsData) {
    publish(metadata("m1"), "hello");
    EXPECT_TRUE(eventually([&] { return notification_status("m1", context_.self) == NotificationStatus::Data; }));
    EXPECT_THAT(transport_.sent(Command::Update), SizeIs(1));
    EXPECT_THAT(transport_.pushed(), SizeIs(1));
}

TEST_F(OutboxTest, SendsAfterRegistrationWhatCameBefore) {
    outbox_.set_registered(false);
    for (int i = 0; i < 300; ++i) publish(metadata("m" + std::to_string(i)), "hello");
    EXPECT_TRUE(transport_.sent(Command::Update).empty());
    outbox_.set_registered(true);
    outbox_.scan();
    EXPECT_TRUE(eventually([&] { return transport_.pushed().size() == 300; }));
}

TEST_F(OutboxTest, AnnouncesAgainWhatTheCssRefusedToTake) {
    for (const Verdict verdict : {Verdict::Failed, Verdict::Ignored}) {
        const std::string id = "m" + std::to_string(static_cast<int>(verdict));
        const std::size_t before = transport_.pushed().size();
        transport_.on_push = [verdict](const DataRequest&) { return PeerAnswer{verdict, "not now", {}}; };
        publish(metadata(id), "hello");
        ASSERT_TRUE(eventually([&] { return transport_.pushed().size() == before + 1; }));
        ASSERT_TRUE(eventually([&] { return notification_status(id, context_.self) == NotificationStatus::Update; }))
            << "to be announced again";
        transport_.on_push = [](const DataRequest&) { return PeerAnswer{}; };
        now_ += std::chrono::seconds(61);
        in_transaction([&](WriteTransaction& txn, rules::Effects& effects) { delivery::repeat_due(context_, txn, 100, effects); });
        EXPECT_TRUE(eventually([&] { return notification_status(id, context_.self) == NotificationStatus::Data; }));
        EXPECT_EQ(transport_.pushed().size(), before + 2);
    }
}

TEST_F(OutboxTest, TellsWhyAReceptionFailedUntilTheCssHasIt) {
    transport_.on_send = [](const Message&) -> PeerAnswer { throw Error(ErrorKind::NotConnected, "no line"); };
    receive(context_.cloud(), Command::Update, announced(11, 5));
    in_transaction([&](WriteTransaction& txn, rules::Effects& effects) {
        EXPECT_TRUE(delivery::fail_reception(context_, txn, {"acme", "model", "m1"}, 11, {2, "disk: on fire", false}, effects));
    });
    ASSERT_TRUE(eventually([&] { return transport_.sent(Command::Feedback).size() == 1; }));
    ASSERT_TRUE(eventually([&] { return !line_.is_up(); }));
    transport_.on_send = [](const Message&) { return PeerAnswer{}; };
    line_.restored();
    outbox_.scan();
    ASSERT_TRUE(eventually([&] { return transport_.sent(Command::Feedback).size() == 2; }));
    EXPECT_EQ(transport_.sent(Command::Feedback)[1].feedback.reason, "disk: on fire");
    EXPECT_EQ(transport_.sent(Command::Feedback)[1].feedback.code, 2);
    EXPECT_TRUE(eventually([&] {
        bool is_known = false;
        store_->read([&](ReadTransaction& txn) {
            is_known = !delivery::message_of(context_, txn, *txn.notification({"acme", "model", "m1"}, context_.cloud()));
        });
        return is_known;
    })) << "it is not told again";
}

/// Over a line that does not say what arrives.
class OutboxPacketTest : public OutboxTest {
protected:
    OutboxPacketTest() { transport_.is_answered = false; }

    void fail(InstanceId instance) {
        receive(context_.cloud(), Command::Update, announced(instance, 5));
        in_transaction([&](WriteTransaction& txn, rules::Effects& effects) {
            EXPECT_TRUE(delivery::fail_reception(context_, txn, {"acme", "model", "m1"}, instance, {2, "disk: on fire", false}, effects));
        });
    }
    std::size_t due_in(std::chrono::hours time) {
        rules::NodeContext later = context_;
        later.now = [this, time] { return now_ + time; };
        std::size_t number = 0;
        store_->read([&](ReadTransaction& txn) { number = delivery::kept_failures(later, txn, 10).due.size(); });
        return number;
    }
    /// Waits until it has been told so often, and that is stored.
    bool is_told(std::size_t times) {
        return eventually([&] {
            return transport_.sent(Command::Feedback).size() == times && due_in(std::chrono::hours(0)) == 0 &&
                   due_in(std::chrono::hours(1)) == (times < 5 ? 1U : 0U);
        });
    }
    void let_pass(std::chrono::seconds time) {
        now_ += time;
        outbox_.repeat_failures();
    }
};

TEST_F(OutboxPacketTest, TellsAgainThatAReceptionFailedUntilTheCssAnnouncesTheObjectAgain) {
    fail(11);
    ASSERT_TRUE(is_told(1));
    let_pass(std::chrono::seconds(79));  // A CSS that got it announces after 60 s, and 10 s more at the most.
    EXPECT_TRUE(is_told(1));
    let_pass(std::chrono::seconds(2));
    ASSERT_TRUE(is_told(2));
    const Message again = transport_.sent(Command::Feedback)[1];
    EXPECT_EQ(again.feedback.reason, "disk: on fire");
    EXPECT_EQ(again.meta.destination_id, "cam1") << "a traditional CSS knows by it who says so";
    EXPECT_EQ(again.meta.origin_id, "Cloud");
    EXPECT_EQ(receive(context_.cloud(), Command::Update, announced(11, 5)).verdict, Verdict::Accepted);
    EXPECT_EQ(due_in(std::chrono::hours(1)), 0U) << "it has got through";
}

TEST_F(OutboxPacketTest, ALineThatIsBackDoesNotTellOldFailuresAgainBeforeTheirTime) {
    fail(11);
    ASSERT_TRUE(is_told(1));
    for (int i = 0; i < 6; ++i) outbox_.scan();
    let_pass(std::chrono::seconds(81));
    ASSERT_TRUE(is_told(2)) << "and none of the five times is used up";
    outbox_.scan();
    let_pass(std::chrono::seconds(81));
    EXPECT_TRUE(is_told(3));
}

TEST_F(OutboxPacketTest, EndsToTellACssThatDoesNotAnnounceAgain) {
    fail(11);
    for (std::size_t told = 1; told <= 5; ++told) {
        ASSERT_TRUE(is_told(told)) << told;
        let_pass(std::chrono::seconds(81));
    }
    outbox_.scan();
    EXPECT_TRUE(is_told(5));
}

TEST_F(OutboxPacketTest, DoesNotTellOfAnObjectThatWasDeletedMeanwhile) {
    fail(11);
    ASSERT_TRUE(is_told(1));
    receive(context_.cloud(), Command::Delete, announced(11, 5));
    let_pass(std::chrono::seconds(1000));
    EXPECT_EQ(transport_.sent(Command::Feedback).size(), 1U);
    store_->read(
        [&](ReadTransaction& txn) { EXPECT_TRUE(delivery::kept_failures(context_, txn, 10).outdated.empty()) << "nothing of it is kept"; });
}

TEST_F(OutboxTest, ShowsDataThatCannotBeReadUntilItIsSentOrNotWanted) {
    std::atomic<bool> is_there{false};
    outbox_.set_source_opener([&](const ObjectRecord&) -> delivery::PushSource {
        if (!is_there) throw Error(ErrorKind::NotFound, "no such file");
        return {std::make_unique<Octets>(), ""};
    });
    const auto publish_from_file = [this](const std::string& id) {
        objects::PublishRequest request;
        request.meta = metadata(id);
        request.meta.source_data_uri = "file:///data/" + id;
        request.source_size = 5;
        in_transaction([&](WriteTransaction& txn, rules::Effects& effects) { objects::publish(context_, txn, request, effects); });
    };
    const auto is_to_be_announced = [this](const std::string& id) {
        return notification_status(id, context_.self) == NotificationStatus::Update && !transport_.sent(Command::Update).empty();
    };
    for (const char* id : {"m1", "m2", "m3"}) publish_from_file(id);
    ASSERT_TRUE(eventually([&] { return outbox_.unsendable() == 3; }));
    for (const char* id : {"m1", "m2", "m3"}) ASSERT_TRUE(eventually([&] { return is_to_be_announced(id); }));
    EXPECT_TRUE(transport_.pushed().empty());

    Metadata without = metadata("m2");
    without.no_data = true;
    publish(without);
    EXPECT_TRUE(eventually([&] { return outbox_.unsendable() == 2; })) << "it has no data any more";
    in_transaction([&](WriteTransaction& txn, rules::Effects& effects) {
        objects::remove(context_, txn, {"acme", "model", "m3"}, effects);
    });
    EXPECT_TRUE(eventually([&] { return outbox_.unsendable() == 1; })) << "it is deleted";

    is_there = true;
    now_ += std::chrono::seconds(61);
    in_transaction([&](WriteTransaction& txn, rules::Effects& effects) { delivery::repeat_due(context_, txn, 100, effects); });
    EXPECT_TRUE(eventually([&] { return outbox_.unsendable() == 0; }));
    EXPECT_TRUE(eventually([&] { return notification_status("m1", context_.self) == NotificationStatus::Data; }));
}

TEST_F(OutboxTest, DoesNotMissThatTheLineIsBackBeforeTheFailureIsOver) {
    std::atomic<bool> has_failed{false};
    transport_.on_send = [&](const Message&) -> PeerAnswer {
        if (has_failed.exchange(true)) return {};
        throw FailureWithAnEnd([this] {
            line_.restored();
            outbox_.scan();
        });
    };
    publish(metadata("m1"), "hello");
    EXPECT_TRUE(eventually([&] { return notification_status("m1", context_.self) == NotificationStatus::Data; }));
}

TEST_F(OutboxTest, GoesOnAfterTheLineWasDown) {
    std::atomic<bool> is_down{true};
    transport_.on_send = [&](const Message&) -> PeerAnswer {
        if (is_down) throw Error(ErrorKind::NotConnected, "no line");
        return {};
    };
    publish(metadata("m1"), "hello");
    ASSERT_TRUE(eventually([&] { return !transport_.sent(Command::Update).empty(); }));
    ASSERT_TRUE(eventually([&] { return !line_.is_up(); }));
    is_down = false;
    line_.restored();
    outbox_.scan();
    EXPECT_TRUE(eventually([&] { return notification_status("m1", context_.self) == NotificationStatus::Data; }));
}

}  // namespace
}  // namespace edgesync
