#include "kernel/delivery/inbound.h"

#include "tests/unit/rules/rule_fixture.h"

namespace edgesync {
namespace {

using testing::EdgeRuleTest;
using testing::RuleTest;

class CloudInbound : public RuleTest {
protected:
    void SetUp() override {
        register_node(cam1_);
        meta_ = metadata("m1");
        meta_.instance_id = publish(meta_, "data").instance_id;
    }
    Metadata meta_;
};

TEST_F(CloudInbound, AnObjectIsDeliveredStepByStep) {
    EXPECT_EQ(receive(cam1_, Command::Updated, meta_).verdict, Verdict::Accepted);
    EXPECT_EQ(delivery_status("m1", cam1_), DeliveryStatus::Delivering);
    EXPECT_EQ(receive(cam1_, Command::Received, meta_).verdict, Verdict::Accepted);
    EXPECT_EQ(delivery_status("m1", cam1_), DeliveryStatus::Delivered);
    EXPECT_EQ(receive(cam1_, Command::Consumed, meta_).verdict, Verdict::Accepted);
    EXPECT_EQ(delivery_status("m1", cam1_), DeliveryStatus::Consumed);
}

TEST_F(CloudInbound, AnAcknowledgementOfAnOlderInstanceChangesNothing) {
    const Metadata old = meta_;
    meta_.instance_id = publish(metadata("m1"), "new").instance_id;
    for (const Command command :
         {Command::Updated, Command::Received, Command::Consumed, Command::AckDelete, Command::Deleted, Command::Feedback}) {
        EXPECT_EQ(receive(cam1_, command, old).verdict, Verdict::Ignored) << to_string(command);
        EXPECT_EQ(notification_status("m1", cam1_), NotificationStatus::UpdatePending) << to_string(command);
        EXPECT_EQ(delivery_status("m1", cam1_), DeliveryStatus::Delivering) << to_string(command);
    }
}

TEST_F(CloudInbound, AVersionThatWaitsForItsDataCannotBeAcknowledgedByItsPredecessor) {
    publish(metadata("m1"));  // The record of the older version is still there.
    EXPECT_EQ(receive(cam1_, Command::Received, meta_).verdict, Verdict::Ignored);
    EXPECT_EQ(delivery_status("m1", cam1_), DeliveryStatus::Pending);
}

TEST_F(CloudInbound, AForcedAcknowledgementStopsTheRepetition) {
    receive(cam1_, Command::Consumed, meta_);
    const auto again = receive(cam1_, Command::Received, meta_);
    EXPECT_EQ(again.verdict, Verdict::Ignored);
    ASSERT_EQ(again.replies.size(), 1U);
    EXPECT_EQ(again.replies[0].command, Command::AckReceived);
}

TEST_F(CloudInbound, AnUnknownNodeIsTold) { EXPECT_EQ(receive(cam2_, Command::Received, meta_).verdict, Verdict::UnknownPeer); }

TEST_F(CloudInbound, AnErrorIsShownAndAnnouncedAgainLater) {
    Message message;
    message.command = Command::Feedback;
    message.meta = meta_;
    message.feedback.code = 2;
    message.feedback.reason = "disk on fire";
    in_transaction(
        [&](WriteTransaction& txn, rules::Effects& effects) { delivery::handle_message(context_, txn, cam1_, message, effects); });
    EXPECT_EQ(delivery_status("m1", cam1_), DeliveryStatus::Error);
    const auto repeat = [&] {
        in_transaction([&](WriteTransaction& txn, rules::Effects& effects) { delivery::repeat_due(context_, txn, 100, effects); });
    };
    repeat();
    EXPECT_EQ(notification_status("m1", cam1_), NotificationStatus::Error) << "not before its time";
    now_ += std::chrono::seconds(61);
    repeat();
    EXPECT_EQ(notification_status("m1", cam1_), NotificationStatus::UpdatePending);
    EXPECT_EQ(delivery_status("m1", cam1_), DeliveryStatus::Delivering);
}

TEST_F(CloudInbound, ADeleteStaysADeleteAfterFeedback) {
    in_transaction([&](WriteTransaction& txn, rules::Effects& effects) {
        objects::remove(context_, txn, {"acme", "model", "m1"}, effects);
    });
    ASSERT_EQ(notification_status("m1", cam1_), NotificationStatus::DeletePending);
    Message message;
    message.command = Command::Feedback;
    message.meta = object("m1")->meta;
    message.feedback.code = 2;
    in_transaction(
        [&](WriteTransaction& txn, rules::Effects& effects) { delivery::handle_message(context_, txn, cam1_, message, effects); });
    now_ += std::chrono::seconds(61);
    in_transaction([&](WriteTransaction& txn, rules::Effects& effects) { delivery::repeat_due(context_, txn, 100, effects); });
    std::optional<Message> repeated;
    store_->read([&](ReadTransaction& txn) { repeated = delivery::message_of(context_, txn, *notification("m1", cam1_)); });
    ASSERT_TRUE(repeated);
    EXPECT_EQ(repeated->command, Command::Delete);
    EXPECT_EQ(receive(cam1_, Command::AckDelete, message.meta).verdict, Verdict::Accepted);
}

TEST_F(CloudInbound, FeedbackThatTheObjectIsUnknownEndsTheExchange) {
    Message message;
    message.command = Command::Feedback;
    message.meta = meta_;
    message.feedback.code = 5;
    in_transaction(
        [&](WriteTransaction& txn, rules::Effects& effects) { delivery::handle_message(context_, txn, cam1_, message, effects); });
    EXPECT_FALSE(notification("m1", cam1_));
}

TEST_F(CloudInbound, ANodeBringsNoObjectsWithInvalidNames) {
    for (const char* name : {"a:b", "<script>", "with space", "line\nbreak", "a/b", ""}) {
        Metadata meta = metadata(name);
        meta.instance_id = 5;
        EXPECT_EQ(receive(cam1_, Command::Update, meta).verdict, Verdict::Invalid) << name;
        EXPECT_FALSE(object(name)) << name;
        meta = metadata("m");
        meta.instance_id = 5;
        meta.object_type = name;
        EXPECT_EQ(receive(cam1_, Command::Update, meta).verdict, Verdict::Invalid) << name;
    }
}

TEST_F(CloudInbound, ANodeActsInItsOwnOrganizationAlone) {
    Metadata meta = metadata("m");
    meta.instance_id = 5;
    meta.org = "other";
    for (const Command command : {Command::Update, Command::Delete, Command::Received, Command::AckDelete, Command::Feedback})
        EXPECT_EQ(receive(cam1_, command, meta).verdict, Verdict::Invalid) << to_string(command);
}

TEST_F(CloudInbound, AnObjectOfANodeBelongsToTheAuthenticatedNode) {
    Metadata meta = metadata("from-edge");
    meta.instance_id = 5;
    meta.data_id = 5;
    meta.object_size = 4;
    meta.origin_type = "camera";
    meta.origin_id = "somebody-else";
    EXPECT_EQ(receive(cam1_, Command::Update, meta).verdict, Verdict::Accepted);
    EXPECT_EQ(object("from-edge")->meta.origin_id, "cam1");
    EXPECT_EQ(object("from-edge")->meta.owner_id, "acme/cam1");
    EXPECT_EQ(object("from-edge")->status, ObjectStatus::PartiallyReceived);
    EXPECT_EQ(receive(cam1_, Command::Update, meta).verdict, Verdict::Accepted) << "announced again before its data came: push again";
    EXPECT_TRUE(complete("from-edge", 5, "data"));
    EXPECT_EQ(object("from-edge")->status, ObjectStatus::CompletelyReceived);
    EXPECT_EQ(notification_status("from-edge", cam1_), NotificationStatus::ReceivedPending);
    EXPECT_EQ(receive(cam1_, Command::Update, meta).verdict, Verdict::Ignored);
    EXPECT_EQ(receive(cam1_, Command::AckReceived, meta).verdict, Verdict::Accepted);
}

TEST_F(CloudInbound, AnotherNodeCannotDeleteANodesObject) {
    register_node(cam2_);
    Metadata meta = metadata("from-edge");
    meta.instance_id = 5;
    meta.no_data = true;
    receive(cam1_, Command::Update, meta);
    EXPECT_EQ(receive(cam2_, Command::Delete, meta).verdict, Verdict::Ignored);
    EXPECT_EQ(object("from-edge")->status, ObjectStatus::CompletelyReceived);
    EXPECT_EQ(receive(cam1_, Command::Delete, meta).verdict, Verdict::Accepted);
    EXPECT_EQ(object("from-edge")->status, ObjectStatus::ObjDeleted);
}

TEST_F(CloudInbound, ANodeCannotReplaceOrDeleteAnObjectOfTheCloud) {
    Metadata meta = metadata("m1");
    meta.instance_id = 9000000000000000000;
    meta.no_data = true;
    EXPECT_EQ(receive(cam1_, Command::Delete, meta).verdict, Verdict::Ignored);
    EXPECT_EQ(object("m1")->status, ObjectStatus::Ready);
}

TEST_F(CloudInbound, APolledUpdateNamesThePollingNodeAsItsDestination) {
    std::optional<Message> message;
    store_->read([&](ReadTransaction& txn) { message = delivery::message_of(context_, txn, *notification("m1", cam1_)); });
    ASSERT_TRUE(message);
    EXPECT_EQ(message->command, Command::Update);
    EXPECT_EQ(message->meta.destination_type, "camera");
    EXPECT_EQ(message->meta.destination_id, "cam1");
}

class EdgeInbound : public EdgeRuleTest {
protected:
    Metadata announced(InstanceId instance, std::int64_t size = 4) {
        Metadata meta = metadata("m1");
        meta.instance_id = instance;
        meta.data_id = instance;
        meta.object_size = size;
        return meta;
    }
    const NodeKey cloud_{"acme", "Cloud", "Cloud"};
};

TEST_F(EdgeInbound, AnAnnouncedVersionIsFetchedOnceAndReported) {
    EXPECT_EQ(receive(cloud_, Command::Update, announced(10)).verdict, Verdict::Accepted);
    EXPECT_EQ(effects_.fetch.size(), 1U);
    EXPECT_EQ(notification_status("m1", cloud_), NotificationStatus::GetData);
    EXPECT_TRUE(complete("m1", 10, "data"));
    EXPECT_EQ(object("m1")->status, ObjectStatus::CompletelyReceived);
    EXPECT_EQ(notification_status("m1", cloud_), NotificationStatus::Received);
    EXPECT_FALSE(complete("m1", 10, "twice"));
    const auto again = receive(cloud_, Command::Update, announced(10));
    EXPECT_EQ(again.verdict, Verdict::Ignored);
    ASSERT_EQ(again.replies.size(), 1U);
    EXPECT_EQ(again.replies[0].command, Command::Received);
}

TEST_F(EdgeInbound, AnOlderVersionNeverReplacesANewerOne) {
    receive(cloud_, Command::Update, announced(10));
    complete("m1", 10, "data");
    EXPECT_EQ(receive(cloud_, Command::Update, announced(9)).verdict, Verdict::Ignored);
    EXPECT_EQ(object("m1")->meta.instance_id, 10);
    EXPECT_EQ(object("m1")->status, ObjectStatus::CompletelyReceived);
}

TEST_F(EdgeInbound, ANewerVersionEndsTheReceptionOfTheOlder) {
    receive(cloud_, Command::Update, announced(10));
    receive(cloud_, Command::Update, announced(11));
    EXPECT_FALSE(complete("m1", 10, "late"));
    EXPECT_TRUE(complete("m1", 11, "data"));
}

TEST_F(EdgeInbound, AFailedVersionIsAcceptedWhenAnnouncedAgain) {
    receive(cloud_, Command::Update, announced(10));
    EXPECT_TRUE(in_transaction([&](WriteTransaction& txn, rules::Effects& effects) {
        return delivery::fail_reception(context_, txn, {"acme", "model", "m1"}, 10, {2, "too short", false}, effects);
    }));
    EXPECT_EQ(notification_status("m1", cloud_), NotificationStatus::ReceiverError);
    EXPECT_EQ(receive(cloud_, Command::Update, announced(10)).verdict, Verdict::Accepted);
    EXPECT_TRUE(complete("m1", 10, "data"));
}

TEST_F(EdgeInbound, AMetadataOnlyUpdateIsCompleteOnlyWithTheDataItMeans) {
    receive(cloud_, Command::Update, announced(10));
    complete("m1", 10, "data");
    Metadata meta = announced(11);
    meta.meta_only = true;
    meta.data_id = 10;
    receive(cloud_, Command::Update, meta);
    EXPECT_EQ(object("m1")->status, ObjectStatus::CompletelyReceived);
    EXPECT_TRUE(object("m1")->data);
    meta.instance_id = 12;
    meta.data_id = 9;
    receive(cloud_, Command::Update, meta);
    EXPECT_EQ(object("m1")->status, ObjectStatus::PartiallyReceived);
}

TEST_F(EdgeInbound, ADeleteOfAnUnknownObjectLeavesATombstoneForApplications) {
    const auto result = receive(cloud_, Command::Delete, announced(10));
    EXPECT_EQ(result.verdict, Verdict::Accepted);
    ASSERT_EQ(result.replies.size(), 1U);
    EXPECT_EQ(result.replies[0].command, Command::AckDelete);
    EXPECT_EQ(object("m1")->status, ObjectStatus::ObjDeleted);
}

TEST_F(EdgeInbound, ALateDeleteDoesNotRemoveANewerVersion) {
    receive(cloud_, Command::Update, announced(11));
    complete("m1", 11, "data");
    EXPECT_EQ(receive(cloud_, Command::Delete, announced(10)).verdict, Verdict::Ignored);
    EXPECT_EQ(object("m1")->status, ObjectStatus::CompletelyReceived);
}

TEST_F(EdgeInbound, AnOwnObjectIsNotOverwrittenByTheCloud) {
    publish(metadata("m1"), "own");
    EXPECT_EQ(receive(cloud_, Command::Update, announced(9000000000000000000)).verdict, Verdict::Ignored);
    EXPECT_EQ(object("m1")->status, ObjectStatus::Ready);
}

TEST_F(EdgeInbound, AnOwnObjectIsPushedReportedAndKeptAsConsumed) {
    Metadata meta = metadata("own");
    meta.instance_id = publish(meta, "x").instance_id;
    EXPECT_EQ(notification_status("own", context_.self), NotificationStatus::Update);
    EXPECT_EQ(effects_.send.size(), 1U);
    receive(cloud_, Command::Updated, meta);
    receive(cloud_, Command::GetData, meta);
    const auto received = receive(cloud_, Command::Received, meta);
    EXPECT_EQ(received.verdict, Verdict::Accepted);
    EXPECT_EQ(received.replies.at(0).command, Command::AckReceived);
    const auto consumed = receive(cloud_, Command::Consumed, meta);
    EXPECT_EQ(consumed.replies.at(0).command, Command::AckConsumed);
    EXPECT_EQ(object("own")->status, ObjectStatus::ConsumedByDest);
    EXPECT_FALSE(object("own")->data);
    EXPECT_FALSE(notification("own", context_.self));
    EXPECT_EQ(publish(metadata("own"), "again").status, ObjectStatus::Ready) << "an own consumed object may be updated";
}

TEST_F(EdgeInbound, ACssThatDoesNotKnowTheNodeCostsOnlyWhatIsIncomplete) {
    receive(cloud_, Command::Update, announced(10));
    Metadata complete_one = metadata("whole");
    complete_one.instance_id = 20;
    complete_one.no_data = true;
    receive(cloud_, Command::Update, complete_one);
    publish(metadata("own"), "x");
    in_transaction([&](WriteTransaction& txn, rules::Effects& effects) { delivery::forget_exchange(context_, txn, effects); });
    EXPECT_FALSE(object("m1"));
    EXPECT_TRUE(object("whole"));
    EXPECT_TRUE(object("own"));
    EXPECT_FALSE(notification("whole", cloud_));
    in_transaction(
        [&](WriteTransaction& txn, rules::Effects& effects) { delivery::announce_own_objects(context_, txn, "", 100, effects); });
    EXPECT_EQ(notification_status("own", context_.self), NotificationStatus::Update);
    EXPECT_EQ(receive(cloud_, Command::Update, complete_one).verdict, Verdict::Ignored) << "what is still held is not fetched again";
}

}  // namespace
}  // namespace edgesync
