// Cursors, over every list that has them.
#include <cstdio>

#include "store_test.h"

namespace edgesync::conformance {
namespace {

/// One list of the contract. Its records are numbered; name(i) orders as i does.
struct List {
    const char* name;
    std::function<void(WriteTransaction&, int)> put;
    std::function<void(WriteTransaction&, int)> erase;
    std::function<Page<std::string>(ReadTransaction&, const std::string& cursor, std::size_t limit)> fetch;
};

/// How GoogleTest shows the parameter.
void PrintTo(const List& list, std::ostream* out) { *out << list.name; }

std::string name(int i) {
    char text[16];
    std::snprintf(text, sizeof text, "k%03d", i);
    return text;
}

ObjectKey object(int i) { return object_key(name(i)); }
NodeKey node(int i) { return node_key(name(i)); }
const ObjectKey kObject = object_key("object");
const NodeKey kNode = node_key("node");

/// The last part of a name after '@', or before it.
Page<std::string> part_of(Page<std::string> page, bool is_peer) {
    for (std::string& item : page.items) item = is_peer ? item.substr(item.find('@') + 1) : item.substr(0, item.find('@'));
    return page;
}

void erase_object(WriteTransaction& t, int i) { t.erase_object(object(i)); }
void put_sender(WriteTransaction& t, int i) { t.put_object(sender_object(object(i))); }

void put_addressed(WriteTransaction& t, int i) {
    ObjectRecord record = sender_object(object(i));
    using Destinations = std::vector<std::string>;
    if (i % 4 == 1) record.meta.destination_type = kNode.type;
    if (i % 4 == 2) record.meta.destinations_list = Destinations{"x:y", kNode.type + ":" + kNode.id, "node:z"};
    if (i % 4 == 3) {
        record.meta.destination_type = kNode.type;
        record.meta.destination_id = kNode.id;
    }
    t.put_object(record);
}

std::vector<List> object_lists() {
    return {
        {"ObjectsOfAType", put_sender, erase_object, [](auto& t, auto& c, auto n) { return names_of(t.objects("org", "type", c, n)); }},
        {"ObjectsOfAnOrg", put_sender, erase_object, [](auto& t, auto& c, auto n) { return names_of(t.objects("org", "", c, n)); }},
        {"ObjectsOfTheStore", put_sender, erase_object, [](auto& t, auto& c, auto n) { return names_of(t.objects("", "", c, n)); }},
        {"UpdatedObjects", [](auto& t, int i) { t.put_object(receiver_object(object(i), ObjectStatus::CompletelyReceived, 1000 + i)); },
         erase_object, [](auto& t, auto& c, auto n) { return names_of(t.updated_objects("org", "type", false, c, n)); }},
        {"UpdatedObjectsOfOneInstanceWithReceived",
         [](auto& t, int i) {
             t.put_object(receiver_object(object(i), i % 2 == 0 ? ObjectStatus::ObjReceived : ObjectStatus::ObjDeleted, 1000));
         },
         erase_object, [](auto& t, auto& c, auto n) { return names_of(t.updated_objects("org", "type", true, c, n)); }},
        {"ObjectsAddressedTo", put_addressed, erase_object,
         [](auto& t, auto& c, auto n) { return names_of(t.objects_addressed_to(kNode, c, n)); }},
    };
}

std::vector<List> other_lists() {
    using Status = NotificationStatus;
    return {
        {"Deliveries", [](auto& t, int i) { t.put_delivery(delivery(kObject, node(i))); },
         [](auto& t, int i) { t.erase_delivery(kObject, node(i)); },
         [](auto& t, auto& c, auto n) { return names_of(t.deliveries(kObject, c, n)); }},
        {"ObjectsOfNode", [](auto& t, int i) { t.put_delivery(delivery(object(i), kNode)); },
         [](auto& t, int i) { t.erase_delivery(object(i), kNode); },
         [](auto& t, auto& c, auto n) { return names_of(t.objects_of_node(kNode, c, n)); }},
        {"NotificationsOfObject", [](auto& t, int i) { t.put_notification(notification(kObject, node(i), Status::Data)); },
         [](auto& t, int i) { t.erase_notification(kObject, node(i)); },
         [](auto& t, auto& c, auto n) { return part_of(names_of(t.notifications_of_object(kObject, c, n)), true); }},
        {"NotificationsOfPeer", [](auto& t, int i) { t.put_notification(notification(object(i), kNode, Status::Updated)); },
         [](auto& t, int i) { t.erase_notification(object(i), kNode); },
         [](auto& t, auto& c, auto n) { return part_of(names_of(t.notifications_of_peer(kNode, c, n)), false); }},
        {"Transfers",
         [](auto& t, int i) { t.put_notification(notification(object(i), kNode, i % 2 == 0 ? Status::GetData : Status::HandleUpdate)); },
         [](auto& t, int i) { t.erase_notification(object(i), kNode); },
         [](auto& t, auto& c, auto n) { return part_of(names_of(t.transfers(c, n)), false); }},
        {"NodesOfAType", [](auto& t, int i) { t.put_destination(destination(node(i))); },
         [](auto& t, int i) { t.erase_destination(node(i)); },
         [](auto& t, auto& c, auto n) { return names_of(t.destinations("org", "node", c, n)); }},
        {"NodesOfAnOrg", [](auto& t, int i) { t.put_destination(destination(node(i))); },
         [](auto& t, int i) { t.erase_destination(node(i)); },
         [](auto& t, auto& c, auto n) { return names_of(t.destinations("org", "", c, n)); }},
        {"Entries",
         [](auto& t, int i) {
             t.put_entry(EntryTable::Acl, {"p", name(i)}, "v");
         },
         [](auto& t, int i) {
             t.erase_entry(EntryTable::Acl, {"p", name(i)});
         },
         [](auto& t, auto& c, auto n) {
             auto page = names_of(t.entries(EntryTable::Acl, {"p"}, c, n));
             for (std::string& item : page.items) item = item.substr(item.find('/') + 1);
             return page;
         }},
    };
}

std::vector<List> all_lists() {
    auto lists = object_lists();
    for (auto& one : other_lists()) lists.push_back(one);
    return lists;
}

class Paging : public StoreTest, public testing::WithParamInterface<List> {
protected:
    void put(std::initializer_list<int> numbers) {
        write([&](WriteTransaction& t) {
            for (const int i : numbers) GetParam().put(t, i);
        });
    }
    void put_range(int begin, int end, int step = 1) {
        write([&](WriteTransaction& t) {
            for (int i = begin; i < end; i += step) GetParam().put(t, i);
        });
    }
    void erase(std::initializer_list<int> numbers) {
        write([&](WriteTransaction& t) {
            for (const int i : numbers) GetParam().erase(t, i);
        });
    }
    Page<std::string> page(const std::string& cursor, std::size_t limit) {
        return get([&](ReadTransaction& t) { return GetParam().fetch(t, cursor, limit); });
    }
    std::string rule(const std::string& text) { return broken("the list " + std::string(GetParam().name) + ": " + text); }
};

Names range(int begin, int end, int step = 1) {
    Names out;
    for (int i = begin; i < end; i += step) out.push_back(name(i));
    return out;
}

TEST_P(Paging, EveryLimitGivesEveryRecordOnceInOrder) {
    put_range(0, 24);
    for (const std::size_t limit : {1U, 2U, 5U, 8U, 23U, 24U, 25U, 10000U}) {
        EXPECT_EQ(all_pages(store(), limit, GetParam().fetch), range(0, 24))
            << rule("pages of " + std::to_string(limit) + " together are the whole list in order");
    }
    EXPECT_EQ(page("", 24).next, page("", 25).next) << rule("next is empty at the end");
    EXPECT_EQ(page("", 25).next, "") << rule("next is empty at the end");
    EXPECT_EQ(page("", 23).items, range(0, 23)) << rule("a page is full while there is more");
}

TEST_P(Paging, ACursorSurvivesTheEraseOfItsRecordAndOfItsNeighbours) {
    put_range(0, 20);
    const auto first = page("", 10);
    ASSERT_EQ(first.items, range(0, 10)) << rule("a page is full while there is more");
    erase({8, 9, 10, 11});
    EXPECT_EQ(page(first.next, 100).items, range(12, 20)) << rule("cursors stay valid when records before, at or after them go");
}

TEST_P(Paging, ACursorSurvivesInserts) {
    put_range(0, 20, 2);
    const auto first = page("", 5);
    ASSERT_EQ(first.items, range(0, 10, 2)) << rule("a page is full while there is more");
    put({1, 7, 9, 11, 19});
    const Names rest = page(first.next, 100).items;
    // What is inserted right at the border may be on either side, so 9 is left out.
    Names without_border;
    for (const std::string& item : rest) {
        if (item != name(9)) without_border.push_back(item);
    }
    EXPECT_EQ(without_border, (Names{name(10), name(11), name(12), name(14), name(16), name(18), name(19)}))
        << rule("what is inserted after the cursor is listed, what is inserted before it is not, nothing is listed twice");
}

TEST_P(Paging, ErasingEachRecordAsItIsListedReachesAll) {
    put_range(0, 15);
    Names seen;
    std::string cursor;
    for (int i = 0; i < 15; ++i) {
        const auto one = page(cursor, 1);
        ASSERT_EQ(one.items.size(), 1U) << rule("a page is full while there is more");
        seen.push_back(one.items[0]);
        erase({i});
        cursor = one.next;
        if (cursor.empty()) break;
    }
    EXPECT_EQ(seen, range(0, 15)) << rule("erasing what was listed does not make the list skip records");
    EXPECT_EQ(page("", 10).items, Names()) << rule("all were erased");
}

TEST_P(Paging, ACursorBehindAllRecordsEndsTheList) {
    put_range(0, 6);
    const auto first = page("", 3);
    erase({3, 4, 5});
    const auto second = page(first.next, 3);
    EXPECT_EQ(second.items, Names()) << rule("nothing is left after the cursor");
    EXPECT_EQ(second.next, "") << rule("next is empty at the end");
}

TEST_P(Paging, WorksInsideAWriteTransactionThatChangesTheList) {
    put_range(0, 10);
    Names seen;
    write([&](WriteTransaction& t) {
        seen.clear();
        std::string cursor;
        for (int round = 0; round < 20; ++round) {
            const auto one = GetParam().fetch(t, cursor, 2);
            for (const std::string& item : one.items) {
                seen.push_back(item);
                GetParam().erase(t, std::stoi(item.substr(1)));
            }
            cursor = one.next;
            if (cursor.empty()) return;
        }
    });
    EXPECT_EQ(seen, range(0, 10)) << rule("a transaction may erase what it lists, page by page");
    EXPECT_EQ(page("", 10).items, Names()) << rule("all were erased");
}

INSTANTIATE_TEST_SUITE_P(EveryList, Paging, testing::ValuesIn(all_lists()), [](const auto& list) { return std::string(list.param.name); });

}  // namespace

}  // namespace edgesync::conformance
