// Destinations of an object.
#include <algorithm>

#include "store_test.h"

namespace edgesync::conformance {
namespace {

const ObjectKey kObject = object_key("object");

class Deliveries : public StoreTest {
protected:
    Names nodes_of(const ObjectKey& object) {
        return names_of(get([&](ReadTransaction& t) { return t.deliveries(object, "", 100); }).items);
    }
    Names objects_of(const NodeKey& node) {
        return names_of(get([&](ReadTransaction& t) { return t.objects_of_node(node, "", 100); }).items);
    }
    DeliveryCounts counts(const ObjectKey& object) {
        return get([&](ReadTransaction& t) { return t.delivery_counts(object); });
    }
};

TEST_F(Deliveries, AbsentOnesAreNulloptAndCountAsZero) {
    EXPECT_FALSE(get([](ReadTransaction& t) { return t.delivery(kObject, node_key("n")); }))
        << broken("missing single records are nullopt");
    EXPECT_EQ(nodes_of(kObject), Names()) << broken("deliveries: of an unknown object there are none");
    EXPECT_EQ(objects_of(node_key("n")), Names()) << broken("objects_of_node: an unknown node has none");
    EXPECT_EQ(counts(kObject), DeliveryCounts{}) << broken("delivery_counts: zero for an unknown object");
}

TEST_F(Deliveries, ComeBackAsTheyWerePut) {
    const DeliveryRecord record{kObject, node_key("n"), DeliveryStatus::Error, "why it\nfailed"};
    write([&](WriteTransaction& t) { t.put_delivery(record); });
    const auto found = get([](ReadTransaction& t) { return t.delivery(kObject, node_key("n")); });
    ASSERT_TRUE(found) << broken("delivery: finds what put_delivery stored");
    EXPECT_TRUE(*found == record) << broken("delivery: every field comes back as it was put");
}

TEST_F(Deliveries, NeedNoObjectRecord) {
    write([](WriteTransaction& t) {
        t.put_object(sender_object(kObject));
        t.put_delivery(delivery(kObject, node_key("n")));
        t.erase_object(kObject);
    });
    EXPECT_EQ(nodes_of(kObject), Names{"n"}) << broken("erase_object: the record alone; deliveries are erased by their own calls");
}

TEST_F(Deliveries, AreListedByObjectAndByNode) {
    write([](WriteTransaction& t) {
        for (const auto* node : {"n2", "n1", "n3"}) t.put_delivery(delivery(kObject, node_key(node)));
        for (const auto* object : {"zz", "object2", "aa"}) t.put_delivery(delivery(object_key(object), node_key("n2")));
        t.put_delivery(delivery(object_key("other", "type", "org2"), node_key("n2", "node", "org2")));
        t.put_delivery(delivery(kObject, node_key("n2")));
    });
    EXPECT_EQ(nodes_of(kObject), (Names{"n1", "n2", "n3"})) << broken("deliveries: those of the object, each once, in key order");
    EXPECT_EQ(objects_of(node_key("n2")), (Names{"aa", "object", "object2", "zz"}))
        << broken("objects_of_node: objects that have the node as a destination, in key order");
    EXPECT_EQ(objects_of(node_key("n2", "node", "org2")), Names{"other"}) << broken("objects_of_node: the node's org counts");
}

TEST_F(Deliveries, AreCountedByStatusThroughEveryChange) {
    const auto rule = broken("delivery_counts: the number of destinations of the object per status");
    write([](WriteTransaction& t) {
        for (std::size_t i = 0; i < 12; ++i) {
            t.put_delivery(delivery(kObject, node_key("n" + std::to_string(i)), static_cast<DeliveryStatus>(i % 6)));
        }
        t.put_delivery(delivery(object_key("object2"), node_key("n0"), DeliveryStatus::Consumed));
    });
    EXPECT_EQ(counts(kObject), (DeliveryCounts{2, 2, 2, 2, 2, 2})) << rule;
    write([](WriteTransaction& t) {
        t.put_delivery(delivery(kObject, node_key("n0"), DeliveryStatus::Delivering));
        t.put_delivery(delivery(kObject, node_key("n1"), DeliveryStatus::Delivering));
        t.erase_delivery(kObject, node_key("n5"));
        t.erase_delivery(kObject, node_key("n5"));
        EXPECT_EQ(t.delivery_counts(kObject), (DeliveryCounts{1, 3, 2, 2, 2, 1})) << broken("a transaction reads its own changes");
    });
    EXPECT_EQ(counts(kObject), (DeliveryCounts{1, 3, 2, 2, 2, 1})) << rule;
    EXPECT_EQ(counts(object_key("object2")), (DeliveryCounts{0, 0, 0, 1, 0, 0})) << rule;
}

TEST_F(Deliveries, ErasingThoseOfAnObjectLeavesTheOthers) {
    write([](WriteTransaction& t) {
        for (int i = 0; i < 50; ++i) t.put_delivery(delivery(kObject, node_key(std::to_string(i))));
        t.put_delivery(delivery(object_key("objec"), node_key("1")));
        t.put_delivery(delivery(object_key("object2"), node_key("1")));
        t.put_delivery(delivery(object_key("object", "type", "org2"), node_key("1")));
        t.erase_deliveries(kObject);
        t.erase_deliveries(object_key("absent"));
    });
    EXPECT_EQ(nodes_of(kObject), Names()) << broken("erase_deliveries: all of the object");
    EXPECT_EQ(counts(kObject), DeliveryCounts{}) << broken("erase_deliveries: counts go to zero");
    EXPECT_EQ(objects_of(node_key("0")), Names()) << broken("erase_deliveries: they leave objects_of_node");
    EXPECT_EQ(objects_of(node_key("1")), (Names{"objec", "object2", "object"})) << broken("erase_deliveries: other objects keep theirs");
}

TEST_F(Deliveries, SixtyFourParallelDecrementsReturnEachValueOnce) {
    write([](WriteTransaction& t) {
        ObjectRecord record = sender_object(kObject);
        record.remaining_consumers = 64;
        t.put_object(record);
    });
    std::vector<std::int32_t> seen(64, -1);
    std::vector<std::future<void>> threads;
    for (std::size_t i = 0; i < seen.size(); ++i) {
        threads.push_back(std::async(std::launch::async, [&, i] {
            write([&seen, i](WriteTransaction& t) {
                auto record = t.object(kObject);
                seen[i] = --record.value().remaining_consumers;
                t.put_object(*record);
            });
        }));
    }
    for (auto& thread : threads) thread.get();
    std::sort(seen.begin(), seen.end());
    for (std::int32_t i = 0; i < 64; ++i) {
        EXPECT_EQ(seen[static_cast<std::size_t>(i)], i)
            << broken("submit runs each transaction atomically: 64 decrements return each value once");
    }
}

TEST_F(Deliveries, OfThoseThatFinishTogetherExactlyOneSeesThatAllHave) {
    constexpr std::size_t kNodes = 16;
    for (int round = 0; round < 5; ++round) {
        write([](WriteTransaction& t) {
            t.put_object(sender_object(kObject));
            for (std::size_t i = 0; i < kNodes; ++i) t.put_delivery(delivery(kObject, node_key(std::to_string(i))));
        });
        std::vector<int> is_last(kNodes, 0);
        std::vector<std::future<void>> threads;
        for (std::size_t i = 0; i < kNodes; ++i) {
            threads.push_back(std::async(std::launch::async, [&, i] {
                write([&is_last, i](WriteTransaction& t) {
                    const bool is_there = t.object(kObject).has_value();
                    t.put_delivery(delivery(kObject, node_key(std::to_string(i)), DeliveryStatus::Deleted));
                    const auto counts = t.delivery_counts(kObject);
                    is_last[i] = is_there && counts[static_cast<std::size_t>(DeliveryStatus::Deleted)] == kNodes ? 1 : 0;
                });
            }));
        }
        for (auto& thread : threads) thread.get();
        EXPECT_EQ(std::count(is_last.begin(), is_last.end(), 1), 1) << broken(
            "submit runs each transaction atomically: of transactions that each change one destination and count all, the last sees all");
    }
}

}  // namespace
}  // namespace edgesync::conformance
