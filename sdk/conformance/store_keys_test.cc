// Keys: all parts count, whatever they contain and however long they are.
#include <algorithm>

#include "store_test.h"

namespace edgesync::conformance {
namespace {

class Keys : public StoreTest {
protected:
    /// Stores one record of each kind under each key and checks that none disturbs another.
    void expect_independent(const std::vector<ObjectKey>& keys);
    void put_all(const std::vector<ObjectKey>& keys);
};

NodeKey as_node(const ObjectKey& key) { return {key.org, key.type, key.id}; }

void Keys::put_all(const std::vector<ObjectKey>& keys) {
    write([&](WriteTransaction& t) {
        for (std::size_t i = 0; i < keys.size(); ++i) {
            const ObjectKey& key = keys[i];
            const NodeKey node = as_node(key);
            ObjectRecord object = receiver_object(key, ObjectStatus::CompletelyReceived, static_cast<InstanceId>(i));
            object.meta.description = std::to_string(i);
            t.put_object(object);
            t.put_delivery({key, node, DeliveryStatus::Pending, std::to_string(i)});
            NotificationRecord note = notification(key, node, NotificationStatus::UpdatePending);
            note.instance_id = static_cast<InstanceId>(i);
            t.put_notification(note);
            t.put_destination({node, "http", std::to_string(i), at(0), true});
            t.put_entry(EntryTable::Webhook, {key.org, key.type, key.id}, std::to_string(i));
        }
    });
}

void Keys::expect_independent(const std::vector<ObjectKey>& keys) {
    put_all(keys);
    const auto rule = broken("keys are compared as a whole, part by part, over their full length: no two share a record");
    store().read([&](ReadTransaction& t) {
        for (std::size_t i = 0; i < keys.size(); ++i) {
            const ObjectKey& key = keys[i];
            const NodeKey node = as_node(key);
            const std::string number = std::to_string(i);
            EXPECT_EQ(t.object(key).value_or(ObjectRecord()).meta.description, number) << rule;
            EXPECT_TRUE(t.object(key).value_or(ObjectRecord()).key() == key) << broken("object: the key comes back complete");
            EXPECT_EQ(t.delivery(key, node).value_or(DeliveryRecord()).message, number) << rule;
            EXPECT_EQ(t.deliveries(key, "", 10).items.size(), 1U) << rule;
            EXPECT_EQ(t.delivery_counts(key)[0], 1U) << rule;
            EXPECT_EQ(t.objects_of_node(node, "", 10).items, std::vector<ObjectKey>{key}) << rule;
            EXPECT_EQ(t.notification(key, node).value_or(NotificationRecord()).instance_id, static_cast<InstanceId>(i)) << rule;
            EXPECT_EQ(t.notifications_of_object(key, "", 10).items.size(), 1U) << rule;
            EXPECT_EQ(t.notifications_of_peer(node, "", 10).items.size(), 1U) << rule;
            const auto pending = t.pending_notifications(node, 0, 10);
            EXPECT_TRUE(pending.size() == 1 && pending[0].object == key && pending[0].peer == node) << rule;
            EXPECT_EQ(t.destination(node).value_or(DestinationRecord()).code_version, number) << rule;
            EXPECT_EQ(t.entry(EntryTable::Webhook, {key.org, key.type, key.id}), number) << rule;
        }
        EXPECT_EQ(t.due_notifications(at(100), 100).size(), 0U);
        EXPECT_EQ(t.count_destinations(), keys.size()) << rule;
    });
    // Lists reach all of them, also in small pages; their order among long parts is the store's.
    const auto objects = all_pages(store(), 2, [](auto& t, auto& c, auto n) { return t.objects("", "", c, n); });
    EXPECT_EQ(objects.size(), keys.size()) << broken("objects: lists every key once, in pages too");
    for (const ObjectKey& key : keys) {
        const auto is_it = [&](const ObjectRecord& record) { return record.key() == key; };
        EXPECT_EQ(std::count_if(objects.begin(), objects.end(), is_it), 1) << broken("objects: lists every key once, in pages too");
        const auto of_type = all_pages(store(), 1, [&](auto& t, auto& c, auto n) { return t.objects(key.org, key.type, c, n); });
        EXPECT_EQ(std::count_if(of_type.begin(), of_type.end(), is_it), 1) << broken("objects: the type is compared as a whole");
        for (const ObjectRecord& one : of_type) {
            EXPECT_TRUE(one.meta.org == key.org && one.meta.object_type == key.type) << broken("objects: only those of org and type");
        }
        const auto updated =
            all_pages(store(), 1, [&](auto& t, auto& c, auto n) { return t.updated_objects(key.org, key.type, true, c, n); });
        EXPECT_EQ(updated.size(), of_type.size()) << broken("updated_objects: org and type are compared as a whole");
    }
    // Erasing one leaves the others.
    write([&](WriteTransaction& t) {
        t.erase_object(keys[0]);
        t.erase_deliveries(keys[0]);
        t.erase_notifications_of_object(keys[0]);
        t.erase_destination(as_node(keys[0]));
    });
    store().read([&](ReadTransaction& t) {
        for (std::size_t i = 0; i < keys.size(); ++i) {
            const bool is_left = i != 0;
            const NodeKey node = as_node(keys[i]);
            EXPECT_EQ(t.object(keys[i]).has_value(), is_left) << rule;
            EXPECT_EQ(t.delivery(keys[i], node).has_value(), is_left) << rule;
            EXPECT_EQ(t.objects_of_node(node, "", 10).items.size(), is_left ? 1U : 0U) << rule;
            EXPECT_EQ(t.notification(keys[i], node).has_value(), is_left) << rule;
            EXPECT_EQ(t.pending_notifications(node, 0, 10).size(), is_left ? 1U : 0U) << rule;
            EXPECT_EQ(t.destination(node).has_value(), is_left) << rule;
        }
    });
}

TEST_F(Keys, WithDashesInDifferentPartsAreIndependent) {
    expect_independent({{"a-b", "c", "d"}, {"a", "b-c", "d"}, {"a", "b", "c-d"}, {"a-b-c", "d", "-"}, {"a", "-", "b-c-d"}});
}

TEST_F(Keys, WithEverySignOfNamesAreIndependent) {
    expect_independent({{"a#b", "c", "d"},
                        {"a", "b#c", "d"},
                        {"a|b", "c", "d"},
                        {"a", "b|c", "d"},
                        {"!", "@", "#"},
                        {"$", "^", "*"},
                        {"-", "_", "."},
                        {"~", "|", "..|##"},
                        {"..", ".", "..."},
                        {"A", "C", "D"},
                        {"a", "C", "D"},
                        {"a_b", "c", "d"},
                        {"a.b", "c", "d"},
                        {"a%2Fb", "c", "d"}});
}

TEST_F(Keys, WithUnicodeAreIndependentAndUnchanged) {
    // The two spellings of e with acute accent are different names: nothing is normalised.
    expect_independent({{"caf\u00e9", "t", "i"},
                        {"cafe\u0301", "t", "i"},
                        {"\u65e5\u672c\u8a9e", "\u7a2e\u985e", "\u540d\u524d"},
                        {"\U0001d54f", "\u0416", "\u05d0"},
                        {"CAF\u00c9", "t", "i"},
                        {"\u00df", "ss", "\u00df"}});
}

TEST_F(Keys, OfTheGreatestLengthAreIndependentWhereverTheyDiffer) {
    const std::string longest(1024, 'x');
    const auto changed = [&](std::size_t offset) {
        std::string text = longest;
        text[offset] = 'y';
        return text;
    };
    std::string unicode;
    for (int i = 0; i < 512; ++i) unicode += "\u00e9";
    expect_independent({{longest, longest, longest},
                        {longest, longest, changed(1023)},
                        {longest, longest, changed(0)},
                        {longest, changed(1023), longest},
                        {changed(511), longest, longest},
                        {longest, longest, longest.substr(1)},
                        {longest, longest, changed(48)},
                        {unicode, unicode, unicode},
                        {unicode, unicode, "short"},
                        {"short", longest, "s"}});
}

TEST_F(Keys, OfTheGreatestLengthWorkInEveryTimeIndex) {
    const ObjectKey key{std::string(1024, 'o'), std::string(1024, 't'), std::string(1024, 'i')};
    const NodeKey node{key.org, std::string(1024, 'n'), std::string(1024, 'd')};
    write([&](WriteTransaction& t) {
        ObjectRecord record = sender_object(key);
        record.expires = record.activates = record.consumed_at = at(1);
        record.meta.destinations_list = std::vector<std::string>{node.type + ":" + node.id};
        t.put_object(record);
        t.put_destination(destination(node, 1));
        t.put_notification(notification(key, node, NotificationStatus::Update, 1));
        t.put_notification(notification(key, {node.org, node.type, "2"}, NotificationStatus::GetData, 1));
        t.put_entry(EntryTable::AclByUser, std::vector<std::string>(6, key.id), "v");
        for (int i = 0; i < 6; ++i)
            t.put_delivery(delivery(key, {node.org, node.type, node.id.substr(1) + std::to_string(i)}, static_cast<DeliveryStatus>(i)));
    });
    const auto rule = broken("keys of 1024 bytes per part work in every index");
    store().read([&](ReadTransaction& t) {
        EXPECT_EQ(t.expired_objects(at(1), 10), std::vector{key}) << rule;
        EXPECT_EQ(t.objects_to_activate(at(1), 10), std::vector{key}) << rule;
        EXPECT_EQ(t.consumed_objects(10), std::vector{key}) << rule;
        EXPECT_EQ(t.objects_addressed_to(node, "", 10).items.size(), 1U) << rule;
        EXPECT_EQ(t.inactive_destinations(at(2), 10), std::vector{node}) << rule;
        EXPECT_EQ(t.due_notifications(at(1), 10).size(), 1U) << rule;
        EXPECT_EQ(t.transfers("", 10).items.size(), 1U) << rule;
        EXPECT_EQ(t.entries(EntryTable::AclByUser, {key.id, key.id}, "", 10).items.size(), 1U) << rule;
        EXPECT_EQ(t.delivery_counts(key), (DeliveryCounts{1, 1, 1, 1, 1, 1})) << rule;
    });
    EXPECT_EQ(all_pages(store(), 1, [&](auto& t, auto& c, auto n) { return t.deliveries(key, c, n); }).size(), 6U) << rule;
    write([&](WriteTransaction& t) {
        t.erase_object(key);
        t.erase_notifications_of_peer(node);
        t.erase_destination(node);
    });
    store().read([&](ReadTransaction& t) {
        EXPECT_TRUE(t.expired_objects(at(1), 10).empty()) << rule;
        EXPECT_TRUE(t.objects_addressed_to(node, "", 10).items.empty()) << rule;
        EXPECT_TRUE(t.due_notifications(at(1), 10).empty()) << rule;
        EXPECT_TRUE(t.inactive_destinations(at(2), 10).empty()) << rule;
    });
}

}  // namespace
}  // namespace edgesync::conformance
