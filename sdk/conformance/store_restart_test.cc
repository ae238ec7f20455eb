// What a persistent store keeps when it is closed and opened again.
#include "store_test.h"

namespace edgesync::conformance {
namespace {

class Restart : public StoreTest {
protected:
    void SetUp() override {
        StoreTest::SetUp();
        if (!store().traits().is_persistent) GTEST_SKIP() << "the store is not persistent";
    }
};

TEST_F(Restart, KeepsRecordsIndexesAndCounters) {
    write([](WriteTransaction& t) {
        t.put_object(full_object(object_key("full")));
        ObjectRecord own = sender_object(object_key("own"));
        own.expires = own.activates = own.consumed_at = at(1);
        t.put_object(own);
        t.put_object(receiver_object(object_key("new"), ObjectStatus::CompletelyReceived, 1));
        t.put_delivery(delivery(object_key("own"), node_key("n"), DeliveryStatus::Consumed));
        t.put_notification(notification(object_key("own"), node_key("n"), NotificationStatus::UpdatePending));
        t.put_notification(notification(object_key("own"), node_key("m"), NotificationStatus::Update));
        t.put_destination(destination(node_key("n")));
        t.put_entry(EntryTable::Setting, {"a", "b"}, "v");
        t.enqueue_work("kind", "p", at(5));
    });
    const auto sequence = get([](ReadTransaction& t) { return t.notification(object_key("own"), node_key("m")); }).value().sequence;
    restart();
    const auto rule = broken("acknowledged transactions of a persistent store survive a restart");
    store().read([&](ReadTransaction& t) {
        EXPECT_EQ(differences(t.object(object_key("full")).value_or(ObjectRecord()), full_object(object_key("full"))), "") << rule;
        EXPECT_EQ(names_of(t.objects("org", "", "", 10).items), (Names{"full", "new", "own"})) << rule;
        EXPECT_EQ(names_of(t.updated_objects("org", "type", false, "", 10).items), Names{"new"}) << rule;
        EXPECT_EQ(names_of(t.objects_addressed_to(node_key("n"), "", 10).items), Names{"own"}) << rule;
        EXPECT_EQ(names_of(t.expired_objects(at(1), 10)), Names{"own"}) << rule;
        EXPECT_EQ(t.count_consumed_objects(), 2U) << rule;
        EXPECT_EQ(t.count_own_objects(), 1U) << rule;
        EXPECT_EQ(t.delivery_counts(object_key("own")), (DeliveryCounts{0, 0, 0, 1, 0, 0})) << rule;
        EXPECT_EQ(names_of(t.pending_notifications(node_key("n"), 0, 10)), Names{"own@n"}) << rule;
        EXPECT_EQ(names_of(t.due_notifications(at(0), 10)), Names{"own@m"}) << rule;
        EXPECT_EQ(t.count_destinations(), 1U) << rule;
        EXPECT_EQ(t.entry(EntryTable::Setting, {"a", "b"}), "v") << rule;
        EXPECT_EQ(t.count_work(), 1U) << rule;
        EXPECT_EQ(t.next_work(), at(5)) << rule;
    });
    write([](WriteTransaction& t) { t.put_notification(notification(object_key("new"), node_key("m"), NotificationStatus::Update)); });
    EXPECT_GT(get([](ReadTransaction& t) { return t.notification(object_key("new"), node_key("m")); }).value().sequence, sequence)
        << broken("NotificationRecord::sequence goes on increasing after a restart");
}

TEST_F(Restart, KeepsPublishedBlobsAndSmallData) {
    const auto large = octets(1, 300'000);
    const auto small = octets(2, 100);
    const BlobId large_id = store().blobs().new_id();
    const BlobId small_id = store().blobs().new_id();
    {
        const auto writer = store().blobs().create(large_id);
        writer->write(0, large);
        writer->sync();
    }
    write([&](WriteTransaction& t) {
        t.put_blob(blob_record(large_id, BlobState::Published, 300'000));
        t.put_small_data(blob_record(small_id, BlobState::Published, 100), small);
    });
    restart();
    const auto rule = broken("published octets of a persistent store survive a restart");
    const auto large_reader = get([&](ReadTransaction& t) { return t.open_blob(large_id); });
    const auto small_reader = get([&](ReadTransaction& t) { return t.open_blob(small_id); });
    ASSERT_TRUE(large_reader && small_reader) << rule;
    EXPECT_TRUE(content_of(*large_reader) == large) << rule;
    EXPECT_TRUE(content_of(*small_reader) == small) << rule;
}

TEST_F(Restart, ContinuesAStagedBlob) {
    const auto data = octets(3, 300'000);
    const BlobId id = store().blobs().new_id();
    {
        const auto writer = store().blobs().create(id);
        writer->write(100'000, std::span(data).subspan(100'000));
        writer->sync();
    }
    BlobRecord record = blob_record(id, BlobState::Staged, 300'000);
    record.received = {{100'000, 300'000}};
    write([&](WriteTransaction& t) { t.put_blob(record); });
    restart();
    EXPECT_TRUE(get([&](ReadTransaction& t) { return t.blob(id); }) == record) << broken("blob: received ranges survive a restart");
    EXPECT_EQ(get([](ReadTransaction& t) { return t.staged_blobs(at(100), 10); }), std::vector{id})
        << broken("staged_blobs: after a restart");
    {
        const auto writer = store().blobs().reopen(id);
        ASSERT_TRUE(writer) << broken("reopen: continues a staged blob, also after a restart");
        writer->write(0, std::span(data).first(100'000));
        writer->sync();
    }
    write([&](WriteTransaction& t) { t.put_blob(blob_record(id, BlobState::Published, 300'000)); });
    const auto reader = get([&](ReadTransaction& t) { return t.open_blob(id); });
    ASSERT_TRUE(reader) << broken("put_blob: publishes a blob that was continued after a restart");
    EXPECT_TRUE(content_of(*reader) == data) << broken("BlobWriter::sync: what was written before survives");
}

TEST_F(Restart, RemovesOrphansAndErasedBlobs) {
    const BlobId orphan = store().blobs().new_id();
    const BlobId erased = store().blobs().new_id();
    for (const BlobId& id : {orphan, erased}) {
        const auto writer = store().blobs().create(id);
        writer->write(0, octets(4, 200'000));
        writer->sync();
    }
    write([&](WriteTransaction& t) { t.put_blob(blob_record(erased, BlobState::Staged, -1)); });
    write([&](WriteTransaction& t) { t.erase_blob(erased); });
    restart();
    EXPECT_FALSE(store().blobs().reopen(orphan)) << broken("create: without a record it is an orphan that a later start removes");
    EXPECT_FALSE(store().blobs().reopen(erased)) << broken("erase_blob: the octets are gone after a restart");
    EXPECT_TRUE(get([](ReadTransaction& t) { return t.staged_blobs(at(100), 10); }).empty());
}

TEST_F(Restart, AFailedTransactionLeavesNothing) {
    EXPECT_TRUE(try_write([](WriteTransaction& t) {
        t.put_entry(EntryTable::Setting, {"a"}, "v");
        throw Error(ErrorKind::Conflict, "on purpose");
    }));
    restart();
    EXPECT_FALSE(get([](ReadTransaction& t) { return t.entry(EntryTable::Setting, {"a"}); }))
        << broken("submit: nothing of a failed `f` was kept");
}

TEST_F(Restart, AWipedStoreStaysEmpty) {
    write([](WriteTransaction& t) { t.put_object(sender_object(object_key("a"))); });
    store().wipe();
    restart();
    EXPECT_TRUE(get([](ReadTransaction& t) { return t.objects("", "", "", 10); }).items.empty())
        << broken("wipe: removes everything, durably");
}

}  // namespace
}  // namespace edgesync::conformance
