// Registered nodes.
#include "store_test.h"

namespace edgesync::conformance {
namespace {

class Nodes : public StoreTest {
protected:
    void put(const DestinationRecord& record) {
        write([&](WriteTransaction& t) { t.put_destination(record); });
    }
    Names list(const std::string& org, const std::string& type) {
        return names_of(get([&](ReadTransaction& t) { return t.destinations(org, type, "", 100); }).items);
    }
    Names inactive(std::int64_t before) {
        return names_of(get([&](ReadTransaction& t) { return t.inactive_destinations(at(before), 100); }));
    }
    std::uint64_t count() {
        return get([](ReadTransaction& t) { return t.count_destinations(); });
    }
};

TEST_F(Nodes, ComeBackAsTheyWerePut) {
    EXPECT_FALSE(get([](ReadTransaction& t) { return t.destination(node_key("n")); })) << broken("missing single records are nullopt");
    DestinationRecord record{node_key("n"), "mqtt", "1.2.3", at(5) + std::chrono::nanoseconds(7), false};
    put(record);
    auto found = get([](ReadTransaction& t) { return t.destination(node_key("n")); });
    ASSERT_TRUE(found) << broken("destination: finds what put_destination stored");
    EXPECT_TRUE(*found == record) << broken("destination: every field comes back as it was put");
    record = destination(node_key("n"), 9);
    put(record);
    found = get([](ReadTransaction& t) { return t.destination(node_key("n")); });
    ASSERT_TRUE(found);
    EXPECT_TRUE(*found == record) << broken("put_destination: replaces the whole record");
}

TEST_F(Nodes, AreListedInKeyOrderByTypeAndByOrg) {
    write([](WriteTransaction& t) {
        for (const auto* id : {"b", "a", "c"}) t.put_destination(destination(node_key(id)));
        t.put_destination(destination(node_key("x", "node2")));
        t.put_destination(destination(node_key("y", "nod")));
        t.put_destination(destination(node_key("z", "node", "org2")));
    });
    EXPECT_EQ(list("org", "node"), (Names{"a", "b", "c"})) << broken("destinations: nodes of a type in key order");
    EXPECT_EQ(list("org", ""), (Names{"y", "a", "b", "c", "x"})) << broken("destinations: empty type lists the org in key order");
    EXPECT_EQ(list("none", ""), Names()) << broken("destinations: an unknown org has none");
}

TEST_F(Nodes, AreCounted) {
    EXPECT_EQ(count(), 0U) << broken("count_destinations: 0 at first");
    write([](WriteTransaction& t) {
        t.put_destination(destination(node_key("a")));
        t.put_destination(destination(node_key("a"), 1));
        t.put_destination(destination(node_key("b")));
        t.put_destination(destination(node_key("c", "node", "org2")));
        EXPECT_EQ(t.count_destinations(), 3U) << broken("a transaction reads its own changes");
    });
    EXPECT_EQ(count(), 3U) << broken("count_destinations: each node once");
    write([](WriteTransaction& t) {
        t.erase_destination(node_key("a"));
        t.erase_destination(node_key("a"));
        t.erase_destination(node_key("absent"));
    });
    EXPECT_EQ(count(), 2U) << broken("count_destinations: follows erase_destination; absent is fine");
}

TEST_F(Nodes, AreInactiveWhenTheirLastPingIsOlder) {
    write([](WriteTransaction& t) {
        t.put_destination(destination(node_key("late"), 30));
        t.put_destination(destination(node_key("early"), 10));
        t.put_destination(destination(node_key("middle", "another", "org2"), 20));
    });
    EXPECT_EQ(inactive(10), Names()) << broken("inactive_destinations: last_ping < before");
    EXPECT_EQ(inactive(21), (Names{"early", "middle"})) << broken("inactive_destinations: last_ping < before, oldest first");
    EXPECT_EQ(names_of(get([](ReadTransaction& t) { return t.inactive_destinations(at(99), 2); })), (Names{"early", "middle"}))
        << broken("inactive_destinations: at most `limit`");
    put(destination(node_key("early"), 40));
    EXPECT_EQ(inactive(99), (Names{"middle", "late", "early"})) << broken("inactive_destinations: follows last_ping");
    write([](WriteTransaction& t) { t.erase_destination(node_key("late")); });
    EXPECT_EQ(inactive(99), (Names{"middle", "early"})) << broken("inactive_destinations: follows erase_destination");
}

}  // namespace
}  // namespace edgesync::conformance
