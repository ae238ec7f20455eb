// Notifications: the exchange about an object with a peer.
#include <algorithm>

#include "store_test.h"

namespace edgesync::conformance {
namespace {

using Status = NotificationStatus;

const NodeKey kPeer = node_key("peer");

constexpr int kStatuses = static_cast<int>(Status::ReceiverError) + 1;

bool is_one_of(Status status, std::initializer_list<Status> set) { return std::find(set.begin(), set.end(), status) != set.end(); }

bool is_pending(Status s) {
    return is_one_of(
        s, {Status::UpdatePending, Status::ReceivedPending, Status::ConsumedPending, Status::DeletePending, Status::DeletedPending});
}
bool is_due(Status s) {
    return is_one_of(s, {Status::Update, Status::Consumed, Status::Delete, Status::Deleted, Status::Received, Status::Error});
}
bool is_transfer(Status s) { return is_one_of(s, {Status::HandleUpdate, Status::GetData}); }

class Notifications : public StoreTest {
protected:
    void put(const std::string& object, Status status, std::int64_t resend_second = 0, const NodeKey& peer = kPeer) {
        write([&](WriteTransaction& t) { t.put_notification(notification(object_key(object), peer, status, resend_second)); });
    }
    std::vector<NotificationRecord> pending(std::uint64_t after = 0, std::size_t limit = 100) {
        return get([&](ReadTransaction& t) { return t.pending_notifications(kPeer, after, limit); });
    }
    Names due(std::int64_t second) {
        return names_of(get([&](ReadTransaction& t) { return t.due_notifications(at(second), 100); }));
    }
    Names transfers() {
        return names_of(get([](ReadTransaction& t) { return t.transfers("", 100); }).items);
    }
    Names of_peer(const NodeKey& peer) {
        return names_of(get([&](ReadTransaction& t) { return t.notifications_of_peer(peer, "", 100); }).items);
    }
    Names of_object(const std::string& object) {
        return names_of(get([&](ReadTransaction& t) { return t.notifications_of_object(object_key(object), "", 100); }).items);
    }
};

TEST_F(Notifications, AbsentOnesAreNulloptAndListsAreEmpty) {
    const auto rule = broken("missing single records are nullopt; lists of nothing are empty");
    EXPECT_FALSE(get([](ReadTransaction& t) { return t.notification(object_key("a"), kPeer); })) << rule;
    EXPECT_TRUE(pending().empty()) << rule;
    EXPECT_EQ(due(0), Names()) << rule;
    EXPECT_EQ(transfers(), Names()) << rule;
    EXPECT_EQ(of_peer(kPeer), Names()) << rule;
    EXPECT_EQ(of_object("a"), Names()) << rule;
}

TEST_F(Notifications, ComeBackAsTheyWerePutExceptForTheSequence) {
    NotificationRecord record = notification(object_key("a"), kPeer, Status::ReceiverError);
    record.instance_id = INT64_MAX;
    record.data_id = 1'700'000'000'123'456'789;
    record.resend_at = at(7) + std::chrono::nanoseconds(13);
    record.sequence = 123'456'789;
    write([&](WriteTransaction& t) { t.put_notification(record); });
    const auto found = get([](ReadTransaction& t) { return t.notification(object_key("a"), kPeer); });
    ASSERT_TRUE(found) << broken("notification: finds what put_notification stored");
    record.sequence = found->sequence;
    EXPECT_TRUE(*found == record) << broken("notification: every field but the sequence comes back as it was put");
    EXPECT_NE(found->sequence, 123'456'789U) << broken("NotificationRecord::sequence is ignored on input");
}

TEST_F(Notifications, GetALargerSequenceAtEveryPut) {
    std::uint64_t last = 0;
    for (int i = 0; i < 20; ++i) {
        const std::string object = std::to_string(i % 3);
        put(object, i % 2 == 0 ? Status::Update : Status::UpdatePending);
        const auto found = get([&](ReadTransaction& t) { return t.notification(object_key(object), kPeer); });
        ASSERT_TRUE(found);
        EXPECT_GT(found->sequence, last) << broken("NotificationRecord::sequence is strictly increasing at every put");
        last = found->sequence;
    }
    write([](WriteTransaction& t) { t.erase_notifications_of_peer(kPeer); });
    put("new", Status::Update);
    EXPECT_GT(get([](ReadTransaction& t) { return t.notification(object_key("new"), kPeer); }).value().sequence, last)
        << broken("NotificationRecord::sequence does not repeat after records were erased");
}

TEST_F(Notifications, EveryStatusIsInItsListAndNoOther) {
    for (int from = 0; from < kStatuses; ++from) {
        for (const int to : {from, (from + 1) % kStatuses, (from + 7) % kStatuses}) {
            const auto status = static_cast<Status>(to);
            write([&](WriteTransaction& t) {
                t.put_notification(notification(object_key("a"), kPeer, static_cast<Status>(from), 5));
                t.put_notification(notification(object_key("a"), kPeer, status, 6));
            });
            const auto after = std::string(to_string(status)) + ", before it " + std::string(to_string(static_cast<Status>(from)));
            const auto listed = [](bool is_listed) { return is_listed ? Names{"a@peer"} : Names(); };
            EXPECT_EQ(names_of(pending()), listed(is_pending(status))) << broken(
                "pending_notifications: status UpdatePending, ReceivedPending, ConsumedPending, DeletePending or DeletedPending; now " +
                after);
            EXPECT_EQ(due(6), listed(is_due(status)))
                << broken("due_notifications: status Update, Consumed, Delete, Deleted, Received or Error; now " + after);
            EXPECT_EQ(due(5), Names()) << broken("due_notifications: resend_at <= now; now " + after);
            EXPECT_EQ(transfers(), listed(is_transfer(status))) << broken("transfers: status HandleUpdate or GetData; now " + after);
            EXPECT_EQ(of_peer(kPeer), Names{"a@peer"}) << broken("notifications_of_peer: all, whatever the status; now " + after);
        }
    }
}

TEST_F(Notifications, PendingOnesComeInTheOrderOfTheirPuts) {
    for (const auto* object : {"b", "c", "a"}) put(object, Status::UpdatePending);
    put("other", Status::UpdatePending, 0, node_key("peer2"));
    put("other", Status::UpdatePending, 0, node_key("peer", "node", "org2"));
    EXPECT_EQ(names_of(pending()), (Names{"b@peer", "c@peer", "a@peer"}))
        << broken("pending_notifications: those of the peer, by sequence");
    put("b", Status::DeletePending);
    const auto all = pending();
    EXPECT_EQ(names_of(all), (Names{"c@peer", "a@peer", "b@peer"})) << broken("pending_notifications: a put moves the record to the end");
    ASSERT_EQ(all.size(), 3U);
    EXPECT_EQ(names_of(pending(all[0].sequence)), (Names{"a@peer", "b@peer"}))
        << broken("pending_notifications: only sequences above `after`");
    EXPECT_EQ(names_of(pending(0, 2)), (Names{"c@peer", "a@peer"})) << broken("pending_notifications: at most `limit`");
    EXPECT_TRUE(pending(all[2].sequence).empty()) << broken("pending_notifications: only sequences above `after`");
    EXPECT_TRUE(pending(UINT64_MAX).empty()) << broken("pending_notifications: only sequences above `after`");
    write([](WriteTransaction& t) { t.erase_notification(object_key("a"), kPeer); });
    put("c", Status::Updated);
    EXPECT_EQ(names_of(pending()), Names{"b@peer"}) << broken("pending_notifications: erased or acknowledged ones leave the list");
}

TEST_F(Notifications, DueOnesComeOldestFirst) {
    put("late", Status::Update, 30);
    put("early", Status::Error, 10);
    put("middle", Status::Deleted, 20, node_key("another", "node", "org2"));
    EXPECT_EQ(due(9), Names()) << broken("due_notifications: resend_at <= now");
    EXPECT_EQ(due(20), (Names{"early@peer", "middle@another"})) << broken("due_notifications: resend_at <= now, oldest first");
    put("early", Status::Error, 40);
    EXPECT_EQ(due(99), (Names{"middle@another", "late@peer", "early@peer"})) << broken("due_notifications: follows a change of resend_at");
    EXPECT_EQ(names_of(get([](ReadTransaction& t) { return t.due_notifications(at(99), 1); })), Names{"middle@another"})
        << broken("due_notifications: at most `limit`");
}

TEST_F(Notifications, TransfersAreInKeyOrder) {
    put("b", Status::GetData);
    put("a", Status::HandleUpdate, 0, node_key("z"));
    put("a", Status::GetData, 0, node_key("y"));
    EXPECT_EQ(transfers(), (Names{"a@y", "a@z", "b@peer"})) << broken("transfers: in key order");
}

TEST_F(Notifications, AreErasedOneByOneByObjectAndByPeer) {
    const auto fill = [](WriteTransaction& t) {
        for (const auto* object : {"o1", "o2", "o3"}) {
            for (const auto* peer : {"p1", "p2", "p3"}) {
                t.put_notification(notification(object_key(object), node_key(peer), Status::UpdatePending));
                t.put_notification(notification(object_key(object), node_key(peer, "node", "org2"), Status::Update));
            }
        }
    };
    write(fill);
    write([](WriteTransaction& t) {
        t.erase_notification(object_key("o1"), node_key("p1"));
        t.erase_notification(object_key("o1"), node_key("absent"));
        t.erase_notifications_of_object(object_key("o2"));
        t.erase_notifications_of_peer(node_key("p3"));
        t.erase_notifications_of_peer(node_key("absent"));
    });
    EXPECT_EQ(of_object("o1"), (Names{"o1@p2", "o1@p1", "o1@p2", "o1@p3"})) << broken("erase_notification: exactly that one");
    EXPECT_EQ(of_object("o2"), Names()) << broken("erase_notifications_of_object: all of the object");
    EXPECT_EQ(of_peer(node_key("p1")), Names{"o3@p1"}) << broken("notifications_of_peer follows every erase");
    EXPECT_EQ(of_peer(node_key("p3")), Names()) << broken("erase_notifications_of_peer: all of the peer");
    EXPECT_EQ(of_peer(node_key("p3", "node", "org2")), (Names{"o1@p3", "o3@p3"})) << broken("erase_notifications_of_peer: no other peer's");
    EXPECT_EQ(due(99).size(), 6U) << broken("due_notifications follows every erase");
    const auto left = get([](ReadTransaction& t) { return t.pending_notifications(node_key("p2"), 0, 100); });
    EXPECT_EQ(names_of(left), (Names{"o1@p2", "o3@p2"})) << broken("pending_notifications follows every erase");
}

}  // namespace
}  // namespace edgesync::conformance
