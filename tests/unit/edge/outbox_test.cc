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
    ASSERT_TRUE(eventually([&] { return line_.is_up(); }));
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
    ASSERT_TRUE(eventually([&] { return line_.is_up(); }));
    outbox_.scan();
    EXPECT_TRUE(eventually([&] { return notification_status("m1", context_.self) == NotificationStatus::Data; }));
}

}  // namespace
}  // namespace edgesync
