#include "kernel/addressing/distribution.h"

#include "edgesync/sdk/error.h"
#include "kernel/delivery/registration.h"
#include "tests/unit/rules/rule_fixture.h"

namespace edgesync {
namespace {

using testing::RuleTest;

class Distribution : public RuleTest {
protected:
    void SetUp() override {
        register_node(cam1_);
        register_node(cam2_);
        register_node(lamp_);
        register_node(foreign_);
    }
    void register_again(const NodeKey& node, const std::string& protocol) {
        Message again;
        again.command = Command::Register;
        again.protocol = protocol;
        in_transaction(
            [&](WriteTransaction& txn, rules::Effects& effects) { return delivery::handle_message(context_, txn, node, again, effects); });
    }
    /// What the node's record says.
    std::optional<Message> delivery_message(const std::string& id, const NodeKey& node) {
        const auto record = notification(id, node);
        std::optional<Message> message;
        store_->read([&](ReadTransaction& txn) {
            if (record) message = delivery::message_of(context_, txn, *record);
        });
        return message;
    }
    const NodeKey foreign_{"other", "camera", "cam1"};
};

TEST_F(Distribution, ReachesExactlyTheAddressedNodes) {
    struct Row {
        std::string id, type, node;
        std::optional<std::vector<std::string>> list;
        bool cam1, cam2, lamp;
    };
    const std::vector<Row> rows = {
        {"by-id", "camera", "cam1", std::nullopt, true, false, false},
        {"by-type", "camera", "", std::nullopt, true, true, false},
        {"by-list", "", "", std::vector<std::string>{"camera:cam2", "lamp:lamp1"}, false, true, true},
        {"to-all", "", "", std::nullopt, true, true, true},
        {"empty-list", "", "", std::vector<std::string>{}, true, true, true},
        {"unknown-id", "camera", "cam9", std::nullopt, false, false, false},
    };
    for (const Row& row : rows) {
        Metadata meta = metadata(row.id);
        meta.destination_type = row.type;
        meta.destination_id = row.node;
        meta.destinations_list = row.list;
        publish(meta, "x");
        EXPECT_EQ(delivery_status(row.id, cam1_) == DeliveryStatus::Delivering, row.cam1) << row.id;
        EXPECT_EQ(delivery_status(row.id, cam2_) == DeliveryStatus::Delivering, row.cam2) << row.id;
        EXPECT_EQ(delivery_status(row.id, lamp_) == DeliveryStatus::Delivering, row.lamp) << row.id;
        EXPECT_EQ(notification_status(row.id, cam1_) == NotificationStatus::UpdatePending, row.cam1) << row.id;
        EXPECT_FALSE(delivery_status(row.id, foreign_)) << row.id;
    }
}

TEST_F(Distribution, AnUnknownListEntryIsRefusedAndChangesNothing) {
    for (const std::string& entry : std::vector<std::string>{"camera:cam9", "camera", ":cam1", "camera:", "a:b:c"}) {
        Metadata meta = metadata("refused");
        meta.destinations_list = std::vector<std::string>{"camera:cam1", entry};
        try {
            publish(meta, "x");
            FAIL() << entry;
        } catch (const Error& error) {
            EXPECT_EQ(error.kind(), ErrorKind::InvalidRequest);
            EXPECT_EQ(std::string(error.what()), "Invalid destination " + entry);
        }
        EXPECT_FALSE(object("refused"));
    }
}

TEST_F(Distribution, ANodeThatDropsOutGetsADelete) {
    Metadata meta = metadata("moved");
    meta.destination_type = "camera";
    publish(meta, "x");
    meta.destination_id = "cam2";
    publish(meta, "y");
    EXPECT_EQ(notification_status("moved", cam1_), NotificationStatus::DeletePending);
    EXPECT_FALSE(delivery_status("moved", cam1_));
    EXPECT_EQ(notification_status("moved", cam2_), NotificationStatus::UpdatePending);
}

TEST_F(Distribution, ANodeThatDropsOutWhileANewVersionWaitsForItsDataLosesTheOldOne) {
    Metadata meta = metadata("moved");
    meta.destination_type = "camera";
    publish(meta, "x");
    receive(cam1_, Command::Updated, object("moved")->meta);
    receive(cam1_, Command::Received, object("moved")->meta);
    publish(meta);
    ASSERT_EQ(delivery_status("moved", cam1_), DeliveryStatus::Pending);
    meta.destination_id = "cam2";
    publish(meta);
    EXPECT_EQ(notification_status("moved", cam1_), NotificationStatus::DeletePending);
}

TEST_F(Distribution, ANodeThatDropsOutBeforeItWasToldGetsNothing) {
    Metadata meta = metadata("silent");
    meta.destination_type = "camera";
    publish(meta);
    EXPECT_EQ(delivery_status("silent", cam1_), DeliveryStatus::Pending);
    meta.destination_id = "cam2";
    publish(meta);
    EXPECT_FALSE(delivery_status("silent", cam1_));
    EXPECT_FALSE(notification("silent", cam1_));
}

TEST_F(Distribution, AnInactiveObjectIsNotAnnounced) {
    Metadata meta = metadata("later");
    meta.inactive = true;
    publish(meta, "x");
    EXPECT_EQ(delivery_status("later", cam1_), DeliveryStatus::Pending);
    EXPECT_FALSE(notification("later", cam1_));
    in_transaction([&](WriteTransaction& txn, rules::Effects& effects) {
        objects::activate(context_, txn, {"acme", "model", "later"}, effects);
    });
    EXPECT_EQ(delivery_status("later", cam1_), DeliveryStatus::Delivering);
    EXPECT_EQ(notification_status("later", cam1_), NotificationStatus::UpdatePending);
}

TEST_F(Distribution, ALargeFanOutContinuesAsDurableWork) {
    for (int i = 0; i < 2500; ++i) register_node({"acme", "sensor", "s" + std::to_string(i)});
    Metadata meta = metadata("wide");
    meta.destination_type = "sensor";
    publish(meta, "x");
    EXPECT_TRUE(effects_.has_work);
    do_work();
    DeliveryCounts counts{};
    store_->read([&](ReadTransaction& txn) { counts = txn.delivery_counts({"acme", "model", "wide"}); });
    EXPECT_EQ(counts[static_cast<std::size_t>(DeliveryStatus::Delivering)], 2500U);
    in_transaction([&](WriteTransaction& txn, rules::Effects& effects) {
        objects::remove(context_, txn, {"acme", "model", "wide"}, effects);
    });
    do_work();
    EXPECT_EQ(notification_status("wide", {"acme", "sensor", "s2499"}), NotificationStatus::DeletePending);
}

TEST_F(Distribution, FanOutWorkOfAReplacedVersionDoesNothing) {
    for (int i = 0; i < 100; ++i) register_node({"acme", "sensor", "s" + std::to_string(i)});
    Metadata meta = metadata("replaced");
    meta.destination_type = "sensor";
    publish(meta, "x");
    const auto second = publish(meta, "y");
    do_work();
    for (int i = 0; i < 100; ++i) {
        const auto record = notification("replaced", {"acme", "sensor", "s" + std::to_string(i)});
        ASSERT_TRUE(record);
        EXPECT_EQ(record->instance_id, second.instance_id);
    }
}

TEST_F(Distribution, ANewNodeIsOfferedWhatAddressesIt) {
    Metadata typed = metadata("typed");
    typed.destination_type = "camera";
    publish(typed, "x");
    Metadata waiting = metadata("waiting");
    publish(waiting);
    Metadata other = metadata("other");
    other.destination_type = "lamp";
    publish(other, "x");
    const NodeKey cam3{"acme", "camera", "cam3"};
    EXPECT_EQ(receive(cam3, Command::Register, {}).verdict, Verdict::UnknownPeer);
    EXPECT_EQ(receive(cam3, Command::RegisterNew, {}).verdict, Verdict::Accepted);
    do_work();
    EXPECT_EQ(delivery_status("typed", cam3), DeliveryStatus::Delivering);
    EXPECT_EQ(notification_status("typed", cam3), NotificationStatus::UpdatePending);
    EXPECT_EQ(delivery_status("waiting", cam3), DeliveryStatus::Pending);
    EXPECT_FALSE(delivery_status("other", cam3));
}

TEST_F(Distribution, AReturningPersistentNodeIsNotOfferedWhatItHas) {
    Metadata meta = metadata("had");
    meta.destination_type = "camera";
    const auto result = publish(meta, "x");
    meta.instance_id = result.instance_id;
    receive(cam1_, Command::Received, meta);
    receive(cam1_, Command::RegisterNew, {});
    do_work();
    EXPECT_EQ(delivery_status("had", cam1_), DeliveryStatus::Delivered);
    EXPECT_EQ(notification_status("had", cam1_), NotificationStatus::ReceivedByDest);
    receive(cam1_, Command::Resend, {});
    do_work();
    EXPECT_EQ(delivery_status("had", cam1_), DeliveryStatus::Delivering) << "a resend request asks for everything";
}

TEST_F(Distribution, ANodeThatDroppedOutHearsOfItAlsoWhenTheObjectIsDeletedSoon) {
    Metadata meta = metadata("moved");
    meta.destination_type = "camera";
    meta.destination_id = "cam1";
    publish(meta, "x");
    meta.destination_id = "nobody";
    publish(meta, "y");
    in_transaction([&](WriteTransaction& txn, rules::Effects& effects) {
        objects::remove(context_, txn, {"acme", "model", "moved"}, effects);
    });
    EXPECT_FALSE(object("moved"));
    EXPECT_EQ(notification_status("moved", cam1_), NotificationStatus::DeletePending);
    receive(cam1_, Command::Register, {});
    do_work();
    EXPECT_EQ(notification_status("moved", cam1_), NotificationStatus::DeletePending) << "also after it was away";
    register_again(cam1_, "mqtt");
    do_work();
    EXPECT_EQ(notification_status("moved", cam1_), NotificationStatus::Delete);
    now_ += std::chrono::hours(1);
    in_transaction([&](WriteTransaction& txn, rules::Effects& effects) { return delivery::repeat_due(context_, txn, 10, effects); });
    EXPECT_EQ(notification_status("moved", cam1_), NotificationStatus::Delete) << "until it is acknowledged";
    EXPECT_TRUE(delivery_message("moved", cam1_));
}

TEST_F(Distribution, ALateAnnouncementOfADeletedObjectSaysNothing) {
    Metadata meta = metadata("gone");
    meta.destination_type = "camera";
    publish(meta, "x");
    const auto announced = notification("gone", cam1_);
    in_transaction([&](WriteTransaction& txn, rules::Effects& effects) {
        objects::remove(context_, txn, {"acme", "model", "gone"}, effects);
    });
    store_->read([&](ReadTransaction& txn) { EXPECT_FALSE(delivery::message_of(context_, txn, *announced)); });
}

/// What is left behind when a node's registration and a change of an object run at the same time on a store that several processes share.
class SecondLook : public Distribution {
protected:
    static constexpr std::chrono::seconds kOthersAreOver{30};

    SecondLook() { context_.is_store_shared = true; }
    void register_cam3() {
        EXPECT_EQ(receive(cam3_, Command::RegisterNew, {}).verdict, Verdict::Accepted);
        do_work();
    }
    void change(const std::function<void(WriteTransaction&)>& f) {
        in_transaction([&](WriteTransaction& txn, rules::Effects&) { f(txn); });
    }
    void look() {
        now_ += kOthersAreOver;
        do_work();
    }
    const NodeKey cam3_{"acme", "camera", "cam3"};
    const ObjectKey key_{"acme", "model", "m"};
};

TEST_F(SecondLook, FindsAnObjectThatWasPublishedWithoutTheNode) {
    register_cam3();
    publish(metadata("m"), "x");
    // As if the publish had not seen the node, nor the registration the object.
    change([&](WriteTransaction& txn) {
        txn.erase_delivery(key_, cam3_);
        txn.erase_notification(key_, cam3_);
    });
    now_ += kOthersAreOver - std::chrono::seconds(1);
    do_work();
    EXPECT_FALSE(delivery_status("m", cam3_)) << "those that run are not over yet";
    look();
    EXPECT_EQ(delivery_status("m", cam3_), DeliveryStatus::Delivering);
    EXPECT_EQ(notification_status("m", cam3_), NotificationStatus::UpdatePending);
}

TEST_F(SecondLook, LeavesAloneWhatIsAsItShouldBe) {
    publish(metadata("m"), "x");
    register_cam3();
    Metadata meta = object("m")->meta;
    receive(cam3_, Command::Received, meta);
    const auto before = notification("m", cam3_);
    look();
    EXPECT_EQ(delivery_status("m", cam3_), DeliveryStatus::Delivered);
    EXPECT_EQ(notification("m", cam3_)->sequence, before->sequence);
}

TEST_F(SecondLook, TellsTheLastVersion) {
    for (const bool is_forgotten : {false, true}) {
        publish(metadata("m"), "x");
        register_cam3();
        const auto old = notification("m", cam3_);
        const auto current = publish(metadata("m"), "y");
        // As if the publish had not seen that the node was a destination already.
        change([&](WriteTransaction& txn) {
            txn.put_delivery({key_, cam3_, DeliveryStatus::Delivering, ""});
            is_forgotten ? txn.erase_notification(key_, cam3_) : txn.put_notification(*old);
        });
        look();
        ASSERT_TRUE(notification("m", cam3_)) << is_forgotten;
        EXPECT_EQ(notification("m", cam3_)->instance_id, current.instance_id) << is_forgotten;
        EXPECT_EQ(notification_status("m", cam3_), NotificationStatus::UpdatePending) << is_forgotten;
    }
}

TEST_F(SecondLook, TellsWhatBecameReadyMeanwhile) {
    publish(metadata("m"), "x");
    register_cam3();
    // As if the node had been welcomed before, and the publish had not seen that.
    change([&](WriteTransaction& txn) {
        txn.put_delivery({key_, cam3_, DeliveryStatus::Pending, ""});
        txn.erase_notification(key_, cam3_);
    });
    look();
    EXPECT_EQ(notification_status("m", cam3_), NotificationStatus::UpdatePending);
}

TEST_F(SecondLook, DoesNotUndoTheRemovalOfADestination) {
    publish(metadata("m"), "x");
    register_cam3();
    in_transaction([&](WriteTransaction& txn, rules::Effects& effects) {
        addressing::remove_destination(context_, txn, *txn.object(key_), *txn.delivery(key_, cam3_), effects);
    });
    look();
    EXPECT_FALSE(delivery_status("m", cam3_));
    EXPECT_EQ(notification_status("m", cam3_), NotificationStatus::DeletePending);
}

TEST_F(SecondLook, AtANodeThatIsNotNewFindsNoObjectsForIt) {
    publish(metadata("m"), "x");
    register_cam3();
    look();
    change([&](WriteTransaction& txn) {
        txn.erase_delivery(key_, cam3_);
        txn.erase_notification(key_, cam3_);
    });
    register_again(cam3_, "mqtt");
    look();
    EXPECT_FALSE(delivery_status("m", cam3_));
}

TEST_F(SecondLook, WithdrawsADeletedObject) {
    publish(metadata("m"), "x");
    register_cam3();
    const auto announced = notification("m", cam3_);
    in_transaction([&](WriteTransaction& txn, rules::Effects& effects) { objects::remove(context_, txn, key_, effects); });
    change([&](WriteTransaction& txn) { txn.put_notification(*announced); });
    look();
    EXPECT_EQ(notification_status("m", cam3_), NotificationStatus::DeletePending);
}

TEST_F(SecondLook, ErasesTheDeliveryOfAnObjectThatIsGone) {
    register_cam3();
    change([&](WriteTransaction& txn) { txn.put_delivery({key_, cam3_, DeliveryStatus::Delivering, ""}); });
    look();
    EXPECT_FALSE(delivery_status("m", cam3_));
}

TEST_F(SecondLook, TellsANodeInTheWayOfItsNewProtocol) {
    register_cam3();
    publish(metadata("m"), "x");
    ASSERT_EQ(notification_status("m", cam3_), NotificationStatus::UpdatePending);
    register_again(cam3_, "mqtt");
    do_work();
    // As if a fan-out had still seen the old one.
    change([&](WriteTransaction& txn) {
        auto record = *txn.notification(key_, cam3_);
        record.status = NotificationStatus::UpdatePending;
        txn.put_notification(record);
    });
    look();
    EXPECT_EQ(notification_status("m", cam3_), NotificationStatus::Update);
}

TEST_F(SecondLook, IsNotNeededWhereTransactionsRunOneAfterTheOther) {
    context_.is_store_shared = false;
    register_cam3();
    store_->read([](ReadTransaction& txn) { EXPECT_EQ(txn.count_work(), 0U); });
}

TEST_F(SecondLook, APublishDoesNotTakeOverDestinationsThatACrashLeftOfAnObjectThatIsGone) {
    change([&](WriteTransaction& txn) { txn.put_delivery({key_, cam1_, DeliveryStatus::Delivered, ""}); });
    Metadata meta = metadata("m");
    meta.destination_policy.emplace();
    publish(meta, "x");
    EXPECT_FALSE(delivery_status("m", cam1_));
}

TEST_F(Distribution, ARemovedNodeLeavesNothingBehindAndDoesNotBlockADeletion) {
    Metadata meta = metadata("blocked");
    meta.destination_type = "camera";
    const auto result = publish(meta, "x");
    in_transaction([&](WriteTransaction& txn, rules::Effects& effects) {
        objects::remove(context_, txn, {"acme", "model", "blocked"}, effects);
    });
    meta.instance_id = result.instance_id;
    receive(cam1_, Command::AckDelete, meta);
    ASSERT_TRUE(object("blocked"));
    now_ += std::chrono::hours(48);
    receive(cam1_, Command::Ping, {});
    in_transaction([&](WriteTransaction& txn, rules::Effects& effects) {
        delivery::remove_inactive(context_, txn, now_ - std::chrono::hours(24), 100, effects);
    });
    do_work();
    EXPECT_FALSE(object("blocked")) << "the silent node was the last that had not acknowledged";
    EXPECT_FALSE(notification("blocked", cam2_));
}

// Another instance may take the work of the registration before the removal is done.
TEST_F(Distribution, ANodeThatCameBackBeforeItsRemovalWasDoneIsToldEverythingAgain) {
    Metadata meta = metadata("wanted");
    meta.destination_type = "camera";
    meta.destination_id = "cam1";
    publish(meta, "x");
    receive(cam1_, Command::Unregister, {});
    std::vector<WorkItem> removal;
    in_transaction([&](WriteTransaction& txn, rules::Effects&) { removal = txn.claim_work(now_, std::chrono::seconds(60), 10); });
    ASSERT_EQ(removal.size(), 1U);
    receive(cam1_, Command::RegisterNew, {});
    do_work();
    EXPECT_TRUE(notification("wanted", cam1_));
    in_transaction(
        [&](WriteTransaction& txn, rules::Effects& effects) { addressing::run_work_step(context_, txn, removal.front(), effects); });
    EXPECT_FALSE(notification("wanted", cam1_)) << "this is what the removal does";
    do_work();
    EXPECT_TRUE(notification("wanted", cam1_));
    EXPECT_EQ(delivery_status("wanted", cam1_), DeliveryStatus::Delivering);
}

}  // namespace
}  // namespace edgesync
