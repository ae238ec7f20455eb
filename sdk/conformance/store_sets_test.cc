// What a write transaction does to many records at once is what its functions for single ones would do.
#include <algorithm>
#include <map>

#include "store_test.h"

namespace edgesync::conformance {
namespace {

using Status = NotificationStatus;

class Sets : public StoreTest {
protected:
    static FanOut update(const std::string& type) {
        FanOut order;
        order.object = object_key("o");
        order.node_type = type;
        order.delivery = DeliveryStatus::Delivering;
        order.polled = Status::UpdatePending;
        order.others = Status::Update;
        order.polled_protocols = {"http", "other"};
        order.instance_id = 1'700'000'000'123'456'789;
        order.data_id = 42;
        order.resend_at = at(60);
        return order;
    }
    void put_nodes(const std::vector<NodeKey>& nodes, const std::string& protocol = "http") {
        write([&](WriteTransaction& t) {
            for (const NodeKey& node : nodes) {
                DestinationRecord record = destination(node);
                record.protocol = protocol;
                t.put_destination(record);
            }
        });
    }
    FanOutStep run(const FanOut& order, const std::string& cursor = "", std::size_t limit = 1000) {
        FanOutStep step;
        write([&](WriteTransaction& t) { step = t.fan_out(order, cursor, limit); });
        return step;
    }
    std::optional<DeliveryRecord> delivery_of(const NodeKey& node) {
        return get([&](ReadTransaction& t) { return t.delivery(object_key("o"), node); });
    }
    std::optional<NotificationRecord> notification_of(const NodeKey& node) {
        return get([&](ReadTransaction& t) { return t.notification(object_key("o"), node); });
    }
    std::size_t pending_of(const NodeKey& node) {
        return get([&](ReadTransaction& t) { return t.pending_notifications(node, 0, 100); }).size();
    }
    Names destinations_of_object() {
        return names_of(get([](ReadTransaction& t) { return t.deliveries(object_key("o"), "", 1000); }).items);
    }
};

/// Names that a store could confuse: parts that run into each other, long ones, octets of two bytes.
std::vector<NodeKey> awkward_nodes() {
    return {node_key("a"),
            node_key("a", "node"),
            node_key("A.b-c"),
            node_key(std::string(200, 'x')),
            node_key("\u00fc-\u4e2d"),
            node_key(std::string(127, 'y')),
            node_key(std::string(128, 'z')),
            node_key(std::string(1000, 'w'))};
}

TEST_F(Sets, AFanOutPutsOfEveryNodeWhatSinglePutsWould) {
    const auto nodes = awkward_nodes();
    put_nodes(nodes);
    const FanOut order = update("node");
    const FanOutStep step = run(order);
    EXPECT_TRUE(step.next.empty()) << broken("fan_out: next is empty at the end");
    for (const NodeKey& node : nodes) {
        const auto delivery = delivery_of(node);
        ASSERT_TRUE(delivery) << node.id << broken("fan_out: a delivery for each node");
        EXPECT_TRUE(*delivery == (DeliveryRecord{order.object, node, DeliveryStatus::Delivering, ""})) << node.id;
        auto record = notification_of(node);
        ASSERT_TRUE(record) << node.id << broken("fan_out: a notification for each node");
        EXPECT_NE(record->sequence, 0U);
        record->sequence = 0;
        EXPECT_TRUE(*record == (NotificationRecord{order.object, node, Status::UpdatePending, order.instance_id, 42, at(60), 0}))
            << node.id;
        EXPECT_EQ(pending_of(node), 1U) << broken("fan_out: what it puts is found by every list");
        EXPECT_EQ(get([&](ReadTransaction& t) { return t.objects_of_node(node, "", 10); }).items.size(), 1U);
        EXPECT_EQ(get([&](ReadTransaction& t) { return t.notifications_of_peer(node, "", 10); }).items.size(), 1U);
    }
}

TEST_F(Sets, AFanOutReachesTheTypeOrTheWholeOrganizationAndNobodyElse) {
    put_nodes({node_key("a"), node_key("b"), node_key("a", "node2"), node_key("a", "nod"), node_key("a", "node", "org2")});
    run(update("node"));
    EXPECT_EQ(destinations_of_object().size(), 2U) << broken("fan_out: nodes of node_type");
    run(update(""));
    EXPECT_EQ(destinations_of_object().size(), 4U) << broken("fan_out: empty node_type: the org");
    EXPECT_FALSE(delivery_of(node_key("a", "node", "org2"))) << broken("fan_out: nodes of the object's org");
    EXPECT_EQ(run(update("none")).count, 0U);
}

TEST_F(Sets, AFanOutTellsByProtocolAndSaysWhom) {
    put_nodes({node_key("a"), node_key("c")});
    put_nodes({node_key("b")}, "mqtt");
    put_nodes({node_key("d")}, "");
    const FanOutStep step = run(update(""));
    EXPECT_EQ(names_of(step.others), (Names{"b", "d"})) << broken("fan_out: others are listed");
    if (step.says_polled) {
        EXPECT_EQ(names_of(step.polled), (Names{"a", "c"})) << broken("fan_out: polled are listed");
    }
    EXPECT_EQ(notification_of(node_key("a"))->status, Status::UpdatePending) << broken("fan_out: polled_protocols");
    EXPECT_EQ(notification_of(node_key("b"))->status, Status::Update) << broken("fan_out: others");
    EXPECT_EQ(get([](ReadTransaction& t) { return t.due_notifications(at(60), 10); }).size(), 2U) << broken("fan_out: resend_at");
}

TEST_F(Sets, AFanOutReplacesWhatWasThere) {
    put_nodes({node_key("a"), node_key("b")});
    write([](WriteTransaction& t) {
        t.put_delivery(delivery(object_key("o"), node_key("a"), DeliveryStatus::Consumed));
        t.put_notification(notification(object_key("o"), node_key("a"), Status::ConsumedByDest));
    });
    const auto before = notification_of(node_key("a"))->sequence;
    run(update(""));
    EXPECT_EQ(delivery_of(node_key("a"))->status, DeliveryStatus::Delivering);
    EXPECT_EQ(delivery_of(node_key("a"))->message, "") << broken("fan_out: without a message");
    const auto first = notification_of(node_key("a"));
    EXPECT_EQ(first->status, Status::UpdatePending);
    EXPECT_GT(first->sequence, before) << broken("put_notification: a new sequence at every put");
    run(update(""));
    EXPECT_GT(notification_of(node_key("a"))->sequence, first->sequence);
    const auto counts = get([](ReadTransaction& t) { return t.delivery_counts(object_key("o")); });
    EXPECT_EQ(counts[static_cast<std::size_t>(DeliveryStatus::Delivering)], 2U);
}

TEST_F(Sets, AFanOutGoesOnWhereItEnded) {
    std::vector<NodeKey> nodes;
    for (int i = 0; i < 25; ++i) nodes.push_back(node_key("n" + std::to_string(100 + i)));
    put_nodes(nodes);
    std::string cursor;
    std::size_t count = 0;
    int steps = 0;
    do {
        const FanOutStep step = run(update("node"), cursor, 10);
        EXPECT_LE(step.count, 10U) << broken("fan_out: up to limit nodes");
        count += step.count;
        cursor = step.next;
        ASSERT_LT(++steps, 10);
        if (!cursor.empty()) {
            EXPECT_EQ(destinations_of_object().size(), count) << broken("fan_out: in key order, each once");
        }
    } while (!cursor.empty());
    EXPECT_EQ(count, 25U);
    EXPECT_EQ(destinations_of_object().size(), 25U);
}

TEST_F(Sets, AFanOutWithoutNotificationsLeavesThem) {
    put_nodes({node_key("a"), node_key("b")});
    write([](WriteTransaction& t) { t.put_notification(notification(object_key("o"), node_key("a"), Status::Data)); });
    FanOut order = update("");
    order.delivery = DeliveryStatus::Pending;
    order.polled.reset();
    order.others.reset();
    const FanOutStep step = run(order);
    EXPECT_TRUE(step.others.empty() && step.polled.empty() && step.says_polled) << broken("fan_out: nobody got a notification");
    EXPECT_EQ(notification_of(node_key("a"))->status, Status::Data) << broken("fan_out: no notification");
    EXPECT_FALSE(notification_of(node_key("b")));
    EXPECT_EQ(delivery_of(node_key("b"))->status, DeliveryStatus::Pending);
}

TEST_F(Sets, AFanOutToDestinationsReachesThoseThatAreRegistered) {
    put_nodes({node_key("a"), node_key("c"), node_key("d")});
    put_nodes({node_key("b")}, "mqtt");
    write([](WriteTransaction& t) {
        for (const char* id : {"a", "b", "gone"}) t.put_delivery(delivery(object_key("o"), node_key(id), DeliveryStatus::Delivered));
        t.put_delivery(delivery(object_key("o2"), node_key("d"), DeliveryStatus::Delivered));
    });
    FanOut order = update("");
    order.to = FanOut::To::Destinations;
    order.delivery.reset();
    order.polled = Status::DeletePending;
    order.others = Status::Delete;
    const FanOutStep step = run(order);
    EXPECT_EQ(step.count, 3U) << broken("fan_out: count is of those that were looked at");
    EXPECT_EQ(names_of(step.others), Names{"b"});
    EXPECT_EQ(notification_of(node_key("a"))->status, Status::DeletePending);
    EXPECT_EQ(notification_of(node_key("b"))->status, Status::Delete);
    EXPECT_EQ(delivery_of(node_key("a"))->status, DeliveryStatus::Delivered) << broken("fan_out: nullopt leaves deliveries");
    for (const char* id : {"gone", "c", "d"}) EXPECT_FALSE(notification_of(node_key(id))) << id << broken("fan_out: To::Destinations");
    EXPECT_EQ(run(order, "", 2).count, 2U);
}

TEST_F(Sets, AFanOutSeesItsTransactionAndIsSeenByIt) {
    std::size_t seen = 0;
    write([&](WriteTransaction& t) {
        EXPECT_FALSE(t.delivery(object_key("o"), node_key("a")) || t.notification(object_key("o"), node_key("a")));
        t.put_destination(destination(node_key("a")));
        EXPECT_EQ(t.fan_out(update("node"), "", 10).count, 1U) << broken("a transaction reads its own changes");
        EXPECT_TRUE(t.delivery(object_key("o"), node_key("a"))) << broken("a transaction reads its own changes");
        EXPECT_TRUE(t.notification(object_key("o"), node_key("a"))) << broken("a transaction reads its own changes");
        t.put_delivery(delivery(object_key("o"), node_key("a"), DeliveryStatus::Error));
        t.put_notification(notification(object_key("o"), node_key("a"), Status::Error));
        EXPECT_EQ(t.delivery_counts(object_key("o"))[static_cast<std::size_t>(DeliveryStatus::Error)], 1U);
        t.put_delivery(delivery(object_key("o"), node_key("a"), DeliveryStatus::Delivered));
        t.erase_delivery(object_key("o"), node_key("a"));
        seen = t.deliveries(object_key("o"), "", 10).items.size();
    });
    EXPECT_EQ(seen, 0U);
    EXPECT_FALSE(delivery_of(node_key("a")));
}

TEST_F(Sets, WhatWasAskedForAheadIsAsItIsNow) {
    put_nodes({node_key("a")});
    write([](WriteTransaction& t) {
        t.put_object(sender_object(object_key("o")));
        t.put_delivery(delivery(object_key("o"), node_key("a"), DeliveryStatus::Pending));
        t.put_notification(notification(object_key("o"), node_key("a"), Status::Update));
    });
    Prefetch names;
    names.objects = {object_key("o"), object_key("none")};
    names.destinations = {node_key("a"), node_key("none")};
    names.deliveries = {{object_key("o"), node_key("a")}, {object_key("o"), node_key("none")}};
    names.notifications = names.deliveries;
    names.few_deliveries_of = object_key("o");
    const auto rule = broken("prefetch: has no effect");
    write([&](WriteTransaction& t) {
        t.prefetch(names);
        EXPECT_TRUE(t.object(object_key("o")) && t.destination(node_key("a"))) << rule;
        EXPECT_FALSE(t.object(object_key("none")) || t.destination(node_key("none"))) << rule;
        EXPECT_EQ(t.delivery(object_key("o"), node_key("a"))->status, DeliveryStatus::Pending) << rule;
        EXPECT_EQ(t.notification(object_key("o"), node_key("a"))->status, Status::Update) << rule;
        EXPECT_FALSE(t.delivery(object_key("o"), node_key("none")) || t.notification(object_key("o"), node_key("none"))) << rule;
        EXPECT_EQ(t.deliveries(object_key("o"), "", 10).items.size(), 1U) << rule;
        t.put_delivery(delivery(object_key("o"), node_key("b"), DeliveryStatus::Delivered));
        t.put_notification(notification(object_key("o"), node_key("a"), Status::Updated));
        t.put_destination(destination(node_key("none")));
        t.erase_object(object_key("o"));
        t.put_object(sender_object(object_key("none")));
        EXPECT_EQ(t.deliveries(object_key("o"), "", 10).items.size(), 2U) << rule;
        EXPECT_EQ(t.notification(object_key("o"), node_key("a"))->status, Status::Updated) << rule;
        EXPECT_TRUE(t.destination(node_key("none")) && t.object(object_key("none"))) << rule;
        EXPECT_FALSE(t.object(object_key("o"))) << rule;
        t.erase_deliveries(object_key("o"));
        t.erase_notifications_of_peer(node_key("a"));
        EXPECT_FALSE(t.delivery(object_key("o"), node_key("a")) || t.notification(object_key("o"), node_key("a"))) << rule;
        EXPECT_TRUE(t.deliveries(object_key("o"), "", 10).items.empty()) << rule;
    });
    write([&](WriteTransaction& t) {
        t.put_delivery(delivery(object_key("o"), node_key("a"), DeliveryStatus::Error));
        t.prefetch(names);
        EXPECT_EQ(t.delivery(object_key("o"), node_key("a"))->status, DeliveryStatus::Error) << rule;
        EXPECT_EQ(t.deliveries(object_key("o"), "", 10).items.size(), 1U) << rule;
    });
}

TEST_F(Sets, DeliveriesOutsideATypeAreAllOthers) {
    write([](WriteTransaction& t) {
        for (const char* type : {"nod", "node", "node2", "other"}) {
            for (int i = 0; i < 7; ++i) t.put_delivery(delivery(object_key("o"), node_key(std::to_string(i), type)));
        }
        t.put_delivery(delivery(object_key("o2"), node_key("0", "other")));
    });
    for (const std::size_t limit : {3U, 7U, 100U}) {
        std::map<std::string, int> found;
        write([&](WriteTransaction& t) {
            found.clear();
            std::string cursor;
            do {
                const auto page = t.deliveries_outside(object_key("o"), "node", cursor, limit);
                EXPECT_LE(page.items.size(), limit);
                for (const auto& one : page.items) ++found[one.node.type + one.node.id];
                cursor = page.next;
            } while (!cursor.empty());
        });
        EXPECT_EQ(found.size(), 21U) << broken("deliveries_outside: every delivery to a node of another type");
        for (const auto& [name, count] : found) EXPECT_EQ(count, 1) << name << broken("deliveries_outside: each once");
        EXPECT_FALSE(found.contains("node0")) << broken("deliveries_outside: none of the type");
    }
}

TEST_F(Sets, AFanOutWhoseNodesAreRemovedMeanwhileLeavesNothingOfThem) {
    std::vector<NodeKey> nodes;
    for (int i = 0; i < 200; ++i) nodes.push_back(node_key("n" + std::to_string(i)));
    for (int round = 0; round < 5; ++round) {
        put_nodes(nodes);
        auto removing = std::async(std::launch::async, [&] {
            for (const NodeKey& node : nodes) {
                write([&](WriteTransaction& t) { t.erase_destination(node); });
                // From now on nobody gives it anything, so what it has can be erased.
                write([&](WriteTransaction& t) {
                    t.erase_delivery(object_key("o"), node);
                    t.erase_notifications_of_peer(node);
                });
            }
        });
        while (removing.wait_for(std::chrono::seconds(0)) != std::future_status::ready) run(update("node"));
        removing.get();
        EXPECT_EQ(destinations_of_object(), Names()) << broken("fan_out: a node that is not registered gets nothing");
    }
}

}  // namespace
}  // namespace edgesync::conformance
