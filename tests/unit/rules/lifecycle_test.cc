#include "kernel/objects/lifecycle.h"
#include "kernel/objects/time_text.h"

#include <functional>

#include "edgesync/sdk/error.h"
#include "tests/unit/rules/rule_fixture.h"

namespace edgesync {
namespace {

using testing::EdgeRuleTest;
using testing::RuleTest;

const ObjectKey kKey{"acme", "model", "m1"};

std::string error_of(const std::function<void()>& f) {
    try {
        f();
    } catch (const Error& error) {
        return error.what();
    }
    return "";
}

class Lifecycle : public RuleTest {
protected:
    void store(const std::string& octets) {
        in_transaction([&](WriteTransaction& txn, rules::Effects& effects) {
            return objects::store_data(context_, txn, kKey, small_data(octets), objects::PublishRequest::Signature::None, effects);
        });
    }
    void remove() {
        in_transaction([&](WriteTransaction& txn, rules::Effects& effects) { objects::remove(context_, txn, kKey, effects); });
    }
    std::string data_of(const std::string& id) {
        std::string octets;
        store_->read([&](ReadTransaction& txn) {
            const auto found = txn.object({"acme", "model", id});
            if (!found || !found->data) return;
            const auto reader = txn.open_blob(*found->data);
            octets.resize(static_cast<std::size_t>(reader->size()));
            reader->read(0, std::as_writable_bytes(std::span(octets)));
        });
        return octets;
    }
};

TEST_F(Lifecycle, TheFirstStatusFollowsFromWhatIsGiven) {
    struct Row {
        const char* id;
        std::function<void(Metadata&)> change;
        std::optional<std::string> data;
        ObjectStatus status;
    };
    const std::vector<Row> rows = {
        {"with-data", [](Metadata&) {}, "x", ObjectStatus::Ready},
        {"empty-data", [](Metadata&) {}, "", ObjectStatus::Ready},
        {"without-data", [](Metadata&) {}, std::nullopt, ObjectStatus::NotReady},
        {"no-data", [](Metadata& m) { m.no_data = true; }, std::nullopt, ObjectStatus::Ready},
        {"link", [](Metadata& m) { m.link = "http://x"; }, std::nullopt, ObjectStatus::Ready},
        {"meta-only-new", [](Metadata& m) { m.meta_only = true; }, std::nullopt, ObjectStatus::NotReady},
    };
    for (const Row& row : rows) {
        Metadata meta = metadata(row.id);
        row.change(meta);
        EXPECT_EQ(publish(meta, row.data).status, row.status) << row.id;
        EXPECT_EQ(object(row.id)->status, row.status) << row.id;
    }
}

TEST_F(Lifecycle, NoDataClearsWhatDescribesData) {
    Metadata meta = metadata("m1");
    meta.no_data = true;
    meta.link = "l";
    meta.public_key = "k";
    meta.signature = "s";
    publish(metadata("m1"), "old");
    publish(meta);
    const auto stored = object("m1");
    EXPECT_TRUE(stored->meta.link.empty() && stored->meta.public_key.empty() && stored->meta.signature.empty());
    EXPECT_FALSE(stored->data);
    EXPECT_EQ(stored->meta.object_size, 0);
}

TEST_F(Lifecycle, AMetadataOnlyUpdateKeepsTheData) {
    const auto first = publish(metadata("m1"), "kept");
    Metadata meta = metadata("m1");
    meta.meta_only = true;
    meta.description = "new";
    const auto second = publish(meta);
    EXPECT_EQ(second.status, ObjectStatus::Ready);
    const auto stored = object("m1");
    EXPECT_EQ(stored->meta.data_id, first.instance_id);
    EXPECT_GT(stored->meta.instance_id, first.instance_id);
    EXPECT_EQ(stored->meta.object_size, 4);
    EXPECT_EQ(data_of("m1"), "kept");
}

TEST_F(Lifecycle, AMetadataOnlyUpdateMakesNothingReadyThatWasNot) {
    struct Row {
        const char* id;
        bool is_source;
        bool is_deleted;
        ObjectStatus before;
        ObjectStatus after;
    };
    const std::vector<Row> rows = {
        {"forged-data", false, false, ObjectStatus::VerificationFailed, ObjectStatus::NotReady},
        {"forged-source", true, false, ObjectStatus::VerificationFailed, ObjectStatus::VerificationFailed},
        {"deleted-source", true, true, ObjectStatus::ObjDeleted, ObjectStatus::NotReady},
    };
    register_node(cam1_);
    for (const Row& row : rows) {
        const ObjectKey key{"acme", "model", row.id};
        objects::PublishRequest request;
        request.meta = metadata(row.id);
        request.signature = row.is_deleted ? objects::PublishRequest::Signature::Valid : objects::PublishRequest::Signature::Invalid;
        if (row.is_source) {
            request.meta.source_data_uri = "file:///x";
            request.source_size = 5;
        } else {
            request.data = small_data("forged");
        }
        in_transaction([&](WriteTransaction& txn, rules::Effects& effects) {
            objects::publish(context_, txn, request, effects);
            if (row.is_deleted) objects::remove(context_, txn, key, effects);
        });
        ASSERT_EQ(object(row.id)->status, row.before) << row.id;
        Metadata update = metadata(row.id);
        update.meta_only = true;
        for (int i = 0; i < 2; ++i) EXPECT_EQ(publish(update).status, row.after) << row.id;
        EXPECT_FALSE(object(row.id)->data) << row.id;
        EXPECT_EQ(data_of(row.id), "") << row.id;
        const auto told = notification(row.id, cam1_);
        EXPECT_FALSE(told && told->status == NotificationStatus::UpdatePending) << row.id;
    }
}

TEST_F(Lifecycle, EveryStoreIsANewVersionWhateverTheClockDoes) {
    InstanceId last = publish(metadata("m1"), "1").instance_id;
    now_ -= std::chrono::hours(1);
    for (int i = 0; i < 5; ++i) {
        const InstanceId next = publish(metadata("m1"), "2").instance_id;
        EXPECT_GT(next, last);
        last = next;
    }
    store("3");
    EXPECT_GT(object("m1")->meta.instance_id, last);
    EXPECT_EQ(object("m1")->meta.data_id, object("m1")->meta.instance_id);
}

TEST_F(Lifecycle, TheNodesOwnFieldsAreNotTheClients) {
    Metadata meta = metadata("m1");
    meta.origin_type = "evil";
    meta.origin_id = "evil";
    meta.instance_id = 1;
    meta.data_id = 2;
    meta.object_size = 3;
    meta.chunk_size = 4;
    meta.owner_id = "evil/evil";
    publish(meta);
    const auto stored = object("m1");
    EXPECT_EQ(stored->meta.origin_type, "Cloud");
    EXPECT_EQ(stored->meta.origin_id, "Cloud");
    EXPECT_GT(stored->meta.instance_id, 1);
    EXPECT_EQ(stored->meta.data_id, 0);
    EXPECT_EQ(stored->meta.object_size, 0);
    EXPECT_EQ(stored->meta.chunk_size, context_.max_chunk_size);
    EXPECT_EQ(stored->meta.owner_id, "");
}

TEST_F(Lifecycle, DataMakesAWaitingObjectReadyAndAnnouncesIt) {
    register_node(cam1_);
    publish(metadata("m1"));
    EXPECT_FALSE(notification("m1", cam1_));
    store("data");
    EXPECT_EQ(object("m1")->status, ObjectStatus::Ready);
    EXPECT_EQ(notification_status("m1", cam1_), NotificationStatus::UpdatePending);
    EXPECT_EQ(data_of("m1"), "data");
}

TEST_F(Lifecycle, DataIsRefusedWhereItDoesNotBelong) {
    EXPECT_EQ(error_of([&] { store("x"); }), "Object not found");
    Metadata meta = metadata("m1");
    meta.no_data = true;
    publish(meta);
    EXPECT_EQ(error_of([&] { store("x"); }), "Can't update data, the NoData flag is set to true");
}

TEST_F(Lifecycle, AnInvalidSignatureLeavesNoData) {
    objects::PublishRequest request;
    request.meta = metadata("m1");
    request.data = small_data("forged");
    request.signature = objects::PublishRequest::Signature::Invalid;
    in_transaction([&](WriteTransaction& txn, rules::Effects& effects) { return objects::publish(context_, txn, request, effects); });
    EXPECT_EQ(object("m1")->status, ObjectStatus::VerificationFailed);
    EXPECT_FALSE(object("m1")->data);
}

TEST_F(Lifecycle, DeletingWithoutDestinationsRemovesAtOnce) {
    publish(metadata("m1"), "x");
    remove();
    EXPECT_FALSE(object("m1"));
    EXPECT_EQ(error_of([&] { remove(); }), "Object not found");
}

TEST_F(Lifecycle, DeletingWithDestinationsKeepsATombstoneUntilAllAcknowledged) {
    register_node(cam1_);
    register_node(cam2_);
    Metadata meta = metadata("m1");
    meta.instance_id = publish(meta, "x").instance_id;
    remove();
    EXPECT_EQ(object("m1")->status, ObjectStatus::ObjDeleted);
    EXPECT_TRUE(object("m1")->meta.deleted);
    EXPECT_EQ(object("m1")->meta.instance_id, meta.instance_id);
    EXPECT_FALSE(object("m1")->data);
    remove();  // Once more changes nothing.
    EXPECT_EQ(receive(cam1_, Command::AckDelete, meta).verdict, Verdict::Accepted);
    EXPECT_EQ(delivery_status("m1", cam1_), DeliveryStatus::Deleted);
    EXPECT_TRUE(object("m1"));
    EXPECT_EQ(receive(cam2_, Command::AckDelete, meta).verdict, Verdict::Accepted);
    EXPECT_FALSE(object("m1"));
    EXPECT_EQ(receive(cam1_, Command::Deleted, meta).verdict, Verdict::Accepted) << "the object may be gone already";
    EXPECT_FALSE(notification("m1", cam1_));
}

TEST_F(Lifecycle, ATombstoneMayBePublishedAgain) {
    register_node(cam1_);
    publish(metadata("m1"), "x");
    remove();
    EXPECT_EQ(publish(metadata("m1"), "again").status, ObjectStatus::Ready);
    EXPECT_FALSE(object("m1")->meta.deleted);
    EXPECT_EQ(notification_status("m1", cam1_), NotificationStatus::UpdatePending);
}

TEST_F(Lifecycle, AnExpiredObjectGoesWithoutAMessage) {
    register_node(cam1_);
    Metadata meta = metadata("m1");
    meta.expiration = "2999-01-01T00:00:00Z";
    publish(meta, "x");
    const auto expires = object("m1")->expires;
    ASSERT_TRUE(expires);
    in_transaction([&](WriteTransaction& txn, rules::Effects& effects) {
        objects::expire_if_due(context_, txn, kKey, *expires - std::chrono::seconds(1), effects);
    });
    EXPECT_TRUE(object("m1"));
    in_transaction([&](WriteTransaction& txn, rules::Effects& effects) { objects::expire_if_due(context_, txn, kKey, *expires, effects); });
    EXPECT_FALSE(object("m1"));
    EXPECT_FALSE(notification("m1", cam1_));
}

TEST_F(Lifecycle, TheExistenceOfAPolicyCannotChange) {
    publish(metadata("m1"), "x");
    Metadata meta = metadata("m1");
    meta.destination_policy.emplace();
    EXPECT_EQ(error_of([&] { publish(meta, "x"); }), "Can't update the existence of Destination Policy");
}

TEST_F(Lifecycle, AnObjectThatWasDeletedMayComeBackWithAPolicyAndWithout) {
    register_node(cam1_);
    publish(metadata("m1"), "x");
    const auto remove = [this] {
        in_transaction([&](WriteTransaction& txn, rules::Effects& effects) { objects::remove(context_, txn, kKey, effects); });
    };
    remove();
    ASSERT_EQ(object("m1")->status, ObjectStatus::ObjDeleted) << "the node has not confirmed";
    Metadata meta = metadata("m1");
    meta.destination_policy.emplace();
    publish(meta, "x");
    EXPECT_TRUE(object("m1")->meta.destination_policy);
    remove();
    publish(metadata("m1"), "x");
    EXPECT_FALSE(object("m1")->meta.destination_policy);
}

TEST_F(Lifecycle, AutodeleteExpiresAnHourAfterTheLastDestinationConsumed) {
    register_node(cam1_);
    register_node(cam2_);
    Metadata meta = metadata("m1");
    meta.autodelete = true;
    meta.destinations_list = std::vector<std::string>{"camera:cam1", "camera:cam2"};
    meta.instance_id = publish(meta, "x").instance_id;
    receive(cam1_, Command::Consumed, meta);
    EXPECT_FALSE(object("m1")->expires);
    receive(cam2_, Command::Consumed, meta);
    const TimePoint expected = std::chrono::floor<std::chrono::seconds>(now_ + std::chrono::hours(1));
    EXPECT_EQ(object("m1")->expires, expected);
    EXPECT_EQ(objects::parse_rfc3339(object("m1")->meta.expiration), expected) << "readers of the metadata see it";
}

class EdgeLifecycle : public EdgeRuleTest {
protected:
    void SetUp() override {
        Metadata meta = metadata("m1");
        meta.instance_id = 100;
        meta.data_id = 100;
        meta.no_data = true;
        meta.consumers = 2;
        ASSERT_EQ(receive({"acme", "Cloud", "Cloud"}, Command::Update, meta).verdict, Verdict::Accepted);
        ASSERT_EQ(object("m1")->status, ObjectStatus::CompletelyReceived);
    }
    const NodeKey cloud_{"acme", "Cloud", "Cloud"};
};

TEST_F(EdgeLifecycle, ConsumedCountsDownAndTellsTheOriginOnce) {
    const auto consume = [&] {
        in_transaction([&](WriteTransaction& txn, rules::Effects& effects) { objects::mark_consumed(context_, txn, kKey, effects); });
    };
    consume();
    EXPECT_EQ(object("m1")->status, ObjectStatus::CompletelyReceived);
    consume();
    EXPECT_EQ(object("m1")->status, ObjectStatus::ObjConsumed);
    EXPECT_EQ(notification_status("m1", cloud_), NotificationStatus::Consumed);
    EXPECT_EQ(effects_.send.size(), 1U);
    EXPECT_EQ(error_of(consume), "Invalid attempt to mark object in status objconsumed as consumed");
}

TEST_F(EdgeLifecycle, ReceivedCountsDownAndStaysLocal) {
    const auto receive_once = [&] { in_transaction([&](WriteTransaction& txn, rules::Effects&) { objects::mark_received(txn, kKey); }); };
    receive_once();
    EXPECT_EQ(object("m1")->status, ObjectStatus::CompletelyReceived);
    receive_once();
    EXPECT_EQ(object("m1")->status, ObjectStatus::ObjReceived);
    EXPECT_EQ(notification_status("m1", cloud_), NotificationStatus::Received);
}

TEST_F(EdgeLifecycle, TheReceivingSideCannotBeUpdatedOrDeleted) {
    EXPECT_EQ(error_of([&] { publish(metadata("m1"), "x"); }), "Can't update object of the receiving side");
    EXPECT_EQ(error_of([&] {
                  in_transaction([&](WriteTransaction& txn, rules::Effects& effects) { objects::remove(context_, txn, kKey, effects); });
              }),
              "Can't delete object on the receiving side for ESS");
}

TEST_F(EdgeLifecycle, ADeletionIsConfirmedByAllConsumers) {
    Metadata meta = metadata("m1");
    meta.instance_id = 100;
    receive(cloud_, Command::Delete, meta);
    EXPECT_EQ(object("m1")->status, ObjectStatus::ObjDeleted);
    const auto confirm = [&] {
        in_transaction([&](WriteTransaction& txn, rules::Effects& effects) { objects::confirm_deleted(context_, txn, kKey, effects); });
    };
    confirm();
    EXPECT_FALSE(notification("m1", cloud_));
    confirm();
    EXPECT_EQ(notification_status("m1", cloud_), NotificationStatus::Deleted);
    receive(cloud_, Command::AckDeleted, meta);
    EXPECT_FALSE(object("m1"));
}

TEST_F(EdgeRuleTest, ConsumedObjectsAreTrimmedToTheConfiguredNumber) {
    context_.consumed_objects_kept = 10;
    const NodeKey cloud{"acme", "Cloud", "Cloud"};
    for (int i = 0; i < 30; ++i) {
        now_ += std::chrono::seconds(1);
        Metadata meta = metadata("own" + std::to_string(i));
        meta.no_data = true;
        meta.instance_id = publish(meta).instance_id;
        ASSERT_EQ(receive(cloud, Command::Consumed, meta).verdict, Verdict::Accepted);
    }
    std::uint64_t count = 0;
    store_->read([&](ReadTransaction& txn) { count = txn.count_consumed_objects(); });
    EXPECT_LE(count, 11U);
    EXPECT_GE(count, 10U);
    EXPECT_EQ(object("own29")->status, ObjectStatus::ConsumedByDest);
    EXPECT_FALSE(object("own0"));
}

}  // namespace
}  // namespace edgesync
