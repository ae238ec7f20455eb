// Objects: single records, lists, and the indexes that follow every change of a record.
#include "store_test.h"

namespace edgesync::conformance {
namespace {

class Objects : public StoreTest {
protected:
    void put(const ObjectRecord& record) {
        write([&](WriteTransaction& t) { t.put_object(record); });
    }
    Names updated(bool include_received) {
        return names_of(get([&](ReadTransaction& t) { return t.updated_objects("org", "type", include_received, "", 100); }).items);
    }
    Names addressed_to(const NodeKey& node) {
        return names_of(get([&](ReadTransaction& t) { return t.objects_addressed_to(node, "", 100); }).items);
    }
    Names expired(std::int64_t second) {
        return names_of(get([&](ReadTransaction& t) { return t.expired_objects(at(second), 100); }));
    }
    Names to_activate(std::int64_t second) {
        return names_of(get([&](ReadTransaction& t) { return t.objects_to_activate(at(second), 100); }));
    }
    Names consumed() {
        return names_of(get([](ReadTransaction& t) { return t.consumed_objects(100); }));
    }
};

TEST_F(Objects, AbsentOnesAreNulloptAndListsOfAnEmptyStoreAreEmpty) {
    const auto rule = broken("missing single records are nullopt; lists of nothing are empty; counters start at 0");
    store().read([&](ReadTransaction& t) {
        EXPECT_FALSE(t.object(object_key("a"))) << rule;
        EXPECT_TRUE(t.objects("org", "type", "", 10).items.empty()) << rule;
        EXPECT_TRUE(t.objects("org", "type", "", 10).next.empty()) << rule;
        EXPECT_TRUE(t.updated_objects("org", "type", true, "", 10).items.empty()) << rule;
        EXPECT_TRUE(t.objects_addressed_to(node_key("n"), "", 10).items.empty()) << rule;
        EXPECT_TRUE(t.expired_objects(at(0), 10).empty()) << rule;
        EXPECT_TRUE(t.objects_to_activate(at(0), 10).empty()) << rule;
        EXPECT_TRUE(t.consumed_objects(10).empty()) << rule;
        EXPECT_EQ(t.count_consumed_objects(), 0U) << rule;
        EXPECT_EQ(t.count_own_objects(), 0U) << rule;
    });
}

TEST_F(Objects, EveryFieldComesBackAsItWasPut) {
    const auto key = object_key("full");
    const ObjectRecord full = full_object(key);
    put(full);
    auto found = get([&](ReadTransaction& t) { return t.object(key); });
    ASSERT_TRUE(found) << broken("object: finds what put_object stored");
    EXPECT_EQ(differences(*found, full), "") << broken("object: every field comes back as it was put");

    const ObjectRecord plain = sender_object(key);
    put(plain);
    found = get([&](ReadTransaction& t) { return t.object(key); });
    ASSERT_TRUE(found) << broken("object: finds what put_object replaced");
    EXPECT_EQ(differences(*found, plain), "") << broken("put_object: replaces the whole record");
}

TEST_F(Objects, AnEmptyListOfDestinationsIsNotAnUnsetOne) {
    ObjectRecord record = sender_object(object_key("a"));
    record.meta.destinations_list.emplace();
    record.meta.destination_policy.emplace();
    put(record);
    const auto found = get([](ReadTransaction& t) { return t.object(object_key("a")); });
    ASSERT_TRUE(found);
    EXPECT_EQ(differences(*found, record), "") << broken("object: an empty list or policy is not the same as an unset one");
}

TEST_F(Objects, ErasingRemovesTheRecordFromEveryListAndCounter) {
    const auto key = object_key("a");
    ObjectRecord sender = sender_object(key);
    sender.expires = sender.activates = sender.consumed_at = at(1);
    put(sender);
    write([&](WriteTransaction& t) {
        t.erase_object(key);
        t.erase_object(object_key("absent"));
    });
    const auto rule = broken("erase_object: the record leaves every list and counter; absent is fine");
    EXPECT_FALSE(get([&](ReadTransaction& t) { return t.object(key); })) << rule;
    EXPECT_EQ(names_of(get([](ReadTransaction& t) { return t.objects("", "", "", 100); }).items), Names()) << rule;
    EXPECT_EQ(addressed_to(node_key("n")), Names()) << rule;
    EXPECT_EQ(expired(9), Names()) << rule;
    EXPECT_EQ(to_activate(9), Names()) << rule;
    EXPECT_EQ(consumed(), Names()) << rule;
    EXPECT_EQ(get([](ReadTransaction& t) { return t.count_own_objects(); }), 0U) << rule;
    EXPECT_EQ(get([](ReadTransaction& t) { return t.count_consumed_objects(); }), 0U) << rule;
}

TEST_F(Objects, AreListedInKeyOrderByTypeByOrgAndAll) {
    write([](WriteTransaction& t) {
        for (const auto* id : {"b", "a", "ab", "B", "~", "1"}) t.put_object(sender_object(object_key(id)));
        t.put_object(sender_object(object_key("x", "typ")));
        t.put_object(sender_object(object_key("y", "type2")));
        t.put_object(sender_object(object_key("z", "a", "org2")));
        t.put_object(sender_object(object_key("w", "type", "or")));
    });
    const auto list = [&](const std::string& org, const std::string& type) {
        return names_of(get([&](ReadTransaction& t) { return t.objects(org, type, "", 100); }).items);
    };
    EXPECT_EQ(list("org", "type"), (Names{"1", "B", "a", "ab", "b", "~"})) << broken("objects: all of a type, in (byte) key order");
    EXPECT_EQ(list("org", ""), (Names{"x", "1", "B", "a", "ab", "b", "~", "y"}))
        << broken("objects: empty type lists the org in key order");
    EXPECT_EQ(list("", ""), (Names{"w", "x", "1", "B", "a", "ab", "b", "~", "y", "z"})) << broken("objects: empty org lists the store");
    EXPECT_EQ(list("none", ""), Names()) << broken("objects: an unknown org has none");
}

TEST_F(Objects, UpdatedOnesAreThoseOfTheReceiverSideThatApplicationsMustSee) {
    const std::vector<std::pair<ObjectStatus, const char*>> all = {{ObjectStatus::PartiallyReceived, "partially"},
                                                                   {ObjectStatus::ReceiverVerifying, "verifying"},
                                                                   {ObjectStatus::ReceiverVerificationFailed, "fail"},
                                                                   {ObjectStatus::CompletelyReceived, "complete"},
                                                                   {ObjectStatus::ObjReceived, "received"},
                                                                   {ObjectStatus::ObjConsumed, "consumed"},
                                                                   {ObjectStatus::ObjDeleted, "deleted"}};
    write([&](WriteTransaction& t) {
        InstanceId instance = 100;
        for (const auto& [status, id] : all) t.put_object(receiver_object(object_key(id), status, instance++));
        ObjectRecord tombstone = sender_object(object_key("sent"));
        tombstone.status = ObjectStatus::ObjDeleted;
        t.put_object(tombstone);
        t.put_object(receiver_object(object_key("x", "type2"), ObjectStatus::CompletelyReceived, 1));
        t.put_object(receiver_object(object_key("y", "type", "org2"), ObjectStatus::CompletelyReceived, 1));
    });
    EXPECT_EQ(updated(false), (Names{"complete", "deleted"}))
        << broken("updated_objects: receiver-side objects in CompletelyReceived or ObjDeleted of that org and type");
    EXPECT_EQ(updated(true), (Names{"complete", "received", "deleted"})) << broken("updated_objects: ObjReceived too if asked for");
}

TEST_F(Objects, UpdatedOnesComeByInstanceIdThenId) {
    write([](WriteTransaction& t) {
        t.put_object(receiver_object(object_key("a"), ObjectStatus::CompletelyReceived, 300));
        t.put_object(receiver_object(object_key("c"), ObjectStatus::ObjReceived, 200));
        t.put_object(receiver_object(object_key("b"), ObjectStatus::ObjDeleted, 200));
        t.put_object(receiver_object(object_key("d"), ObjectStatus::CompletelyReceived, 9));
    });
    EXPECT_EQ(updated(true), (Names{"d", "b", "c", "a"})) << broken("updated_objects: by ascending (instance id, id)");
    write([](WriteTransaction& t) { t.put_object(receiver_object(object_key("a"), ObjectStatus::CompletelyReceived, 5)); });
    EXPECT_EQ(updated(true), (Names{"a", "d", "b", "c"})) << broken("updated_objects: a new instance id moves the object");
    write([](WriteTransaction& t) { t.put_object(receiver_object(object_key("a"), ObjectStatus::ObjConsumed, 5)); });
    EXPECT_EQ(updated(true), (Names{"d", "b", "c"})) << broken("updated_objects: a status change takes the object off the list");
}

struct Addressing {
    const char* id;
    const char* destination_type;
    const char* destination_id;
    std::optional<std::vector<std::string>> list;
};

ObjectRecord addressed(const Addressing& addressing) {
    ObjectRecord record = sender_object(object_key(addressing.id));
    record.meta.destination_type = addressing.destination_type;
    record.meta.destination_id = addressing.destination_id;
    record.meta.destinations_list = addressing.list;
    return record;
}

TEST_F(Objects, AreFoundByEveryWayOfAddressingANode) {
    using List = std::vector<std::string>;
    const std::vector<Addressing> all = {{"all", "", "", {}},
                                         {"both", "node", "n1", List{"node:n1"}},
                                         {"empty-list", "", "", List{}},
                                         {"id", "node", "n1", {}},
                                         {"list", "", "", List{"other:n1", "node:n1", "node:n1"}},
                                         {"other-id", "node", "n2", {}},
                                         {"other-list", "", "", List{"node:n2", "nod:en1"}},
                                         {"other-type", "node2", "", {}},
                                         {"type", "node", "", {}}};
    write([&](WriteTransaction& t) {
        for (const Addressing& one : all) t.put_object(addressed(one));
        ObjectRecord policy = sender_object(object_key("policy"));
        policy.meta.destination_policy.emplace();
        t.put_object(policy);
        t.put_object(receiver_object(object_key("receiver"), ObjectStatus::CompletelyReceived, 1));
        t.put_object(sender_object(object_key("elsewhere", "type", "org2")));
    });
    EXPECT_EQ(addressed_to(node_key("n1")), (Names{"all", "both", "empty-list", "id", "list", "type"})) << broken(
        "objects_addressed_to: sender-side objects without policy, by id, by type, by list or the whole org; each once, in key order");
    EXPECT_EQ(addressed_to(node_key("n2")), (Names{"all", "empty-list", "other-id", "other-list", "type"}))
        << broken("objects_addressed_to: addresses are compared as a whole");
    EXPECT_EQ(addressed_to(node_key("n1", "node", "org2")), (Names{"elsewhere"})) << broken("objects_addressed_to: only the node's org");
}

TEST_F(Objects, AreFoundOnceWhenSeveralWaysOfAddressingMeet) {
    put(addressed({"a", "node", "", std::vector<std::string>{"node:n1", "node:n1"}}));
    put(addressed({"b", "node", "n1", std::vector<std::string>{"node:n1"}}));
    const auto rule = broken("objects_addressed_to: each object once, however often it addresses the node");
    EXPECT_EQ(addressed_to(node_key("n1")), (Names{"a", "b"})) << rule;
    const auto paged = all_pages(store(), 1, [](auto& t, auto& c, auto n) { return t.objects_addressed_to(node_key("n1"), c, n); });
    EXPECT_EQ(names_of(paged), (Names{"a", "b"})) << rule;
}

TEST_F(Objects, FollowAChangeOfTheirAddressing) {
    const auto rule = broken("put_object: a change of addressing moves the object in the index of objects_addressed_to");
    put(addressed({"a", "node", "n1", {}}));
    EXPECT_EQ(addressed_to(node_key("n1")), Names{"a"}) << rule;
    put(addressed({"a", "", "", std::vector<std::string>{"node:n2", "node:n3"}}));
    EXPECT_EQ(addressed_to(node_key("n1")), Names()) << rule;
    EXPECT_EQ(addressed_to(node_key("n3")), Names{"a"}) << rule;
    put(addressed({"a", "", "", std::vector<std::string>{"node:n2"}}));
    EXPECT_EQ(addressed_to(node_key("n2")), Names{"a"}) << rule;
    EXPECT_EQ(addressed_to(node_key("n3")), Names()) << rule;
    ObjectRecord record = addressed({"a", "", "", std::vector<std::string>{"node:n2"}});
    record.meta.destination_policy.emplace();
    put(record);
    EXPECT_EQ(addressed_to(node_key("n2")), Names()) << rule;
    put(receiver_object(object_key("a"), ObjectStatus::PartiallyReceived, 1));
    EXPECT_EQ(addressed_to(node_key("n2")), Names()) << rule;
}

TEST_F(Objects, ExpireOldestFirstOnTheSenderSideOnly) {
    write([](WriteTransaction& t) {
        const auto expiring = [](ObjectRecord record, std::int64_t second) {
            record.expires = at(second);
            return record;
        };
        t.put_object(expiring(sender_object(object_key("c")), 10));
        t.put_object(expiring(sender_object(object_key("a")), 30));
        t.put_object(expiring(sender_object(object_key("b", "another", "org2")), 20));
        t.put_object(expiring(sender_object(object_key("past")), -1'800'000'000));
        t.put_object(expiring(receiver_object(object_key("r"), ObjectStatus::CompletelyReceived, 1), 5));
        t.put_object(sender_object(object_key("never")));
    });
    EXPECT_EQ(expired(-1), Names{"past"}) << broken("expired_objects: times before 1970 sort before later ones");
    EXPECT_EQ(expired(20), (Names{"past", "c", "b"})) << broken("expired_objects: sender-side objects with expires <= now, oldest first");
    EXPECT_EQ(names_of(get([](ReadTransaction& t) { return t.expired_objects(at(99), 2); })), (Names{"past", "c"}))
        << broken("expired_objects: at most `limit`");
    put(sender_object(object_key("c")));
    EXPECT_EQ(expired(99), (Names{"past", "b", "a"})) << broken("expired_objects: follows a change of expires");
}

TEST_F(Objects, ActivateOldestFirst) {
    write([](WriteTransaction& t) {
        ObjectRecord record = sender_object(object_key("late"));
        record.activates = at(20);
        t.put_object(record);
        record.meta.object_id = "early";
        record.activates = at(10);
        t.put_object(record);
        t.put_object(sender_object(object_key("active")));
    });
    EXPECT_EQ(to_activate(9), Names()) << broken("objects_to_activate: activates <= now");
    EXPECT_EQ(to_activate(10), Names{"early"}) << broken("objects_to_activate: activates <= now");
    EXPECT_EQ(to_activate(99), (Names{"early", "late"})) << broken("objects_to_activate: oldest first");
    put(sender_object(object_key("early")));
    EXPECT_EQ(to_activate(99), Names{"late"}) << broken("objects_to_activate: follows a change of activates");
}

TEST_F(Objects, ConsumedOnesAreCountedAndListedOldestFirst) {
    write([](WriteTransaction& t) {
        for (int i = 0; i < 5; ++i) {
            ObjectRecord record = sender_object(object_key(std::to_string(i)));
            record.status = ObjectStatus::ConsumedByDest;
            record.consumed_at = at(100 - i);
            t.put_object(record);
        }
    });
    EXPECT_EQ(consumed(), (Names{"4", "3", "2", "1", "0"})) << broken("consumed_objects: oldest first");
    EXPECT_EQ(names_of(get([](ReadTransaction& t) { return t.consumed_objects(2); })), (Names{"4", "3"}))
        << broken("consumed_objects: limit");
    write([](WriteTransaction& t) {
        t.erase_object(object_key("4"));
        t.put_object(sender_object(object_key("3")));
    });
    EXPECT_EQ(consumed(), (Names{"2", "1", "0"})) << broken("consumed_objects: follows a change of consumed_at");
    EXPECT_EQ(get([](ReadTransaction& t) { return t.count_consumed_objects(); }), 3U)
        << broken("count_consumed_objects: how many there are");
}

TEST_F(Objects, OwnOnesAreCountedThroughEveryChangeOfStatus) {
    const auto count = [&] { return get([](ReadTransaction& t) { return t.count_own_objects(); }); };
    for (int number = 0; number <= static_cast<int>(ObjectStatus::ConsumedByDest); ++number) {
        ObjectRecord record = sender_object(object_key("a"));
        record.status = static_cast<ObjectStatus>(number);
        put(record);
        EXPECT_EQ(count(), number <= 3 ? 1U : 0U)
            << broken("count_own_objects: objects in NotReady, Ready, Verifying, VerificationFailed; status " + std::to_string(number));
    }
    write([](WriteTransaction& t) {
        for (int i = 0; i < 4; ++i) {
            ObjectRecord record = sender_object(object_key("own" + std::to_string(i)));
            record.status = static_cast<ObjectStatus>(i);
            t.put_object(record);
            t.put_object(record);
        }
    });
    EXPECT_EQ(count(), 4U) << broken("count_own_objects: putting a record again does not count it twice");
}

}  // namespace
}  // namespace edgesync::conformance
