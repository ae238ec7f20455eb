// Small entities with text keys.
#include "store_test.h"

namespace edgesync::conformance {
namespace {

class Entries : public StoreTest {
protected:
    Names list(EntryTable table, const std::vector<std::string>& prefix) {
        return names_of(get([&](ReadTransaction& t) { return t.entries(table, prefix, "", 100); }).items);
    }
};

TEST_F(Entries, OfOneToSixPartsComeBackAsTheyWerePut) {
    std::vector<std::string> key;
    for (int parts = 1; parts <= 6; ++parts) {
        key.push_back("part" + std::to_string(parts));
        EXPECT_FALSE(get([&](ReadTransaction& t) { return t.entry(EntryTable::Acl, key); }))
            << broken("missing single records are nullopt");
        const std::string value = std::string("value\0", 6) + std::string(static_cast<std::size_t>(parts) * 1000, 'v');
        write([&](WriteTransaction& t) { t.put_entry(EntryTable::Acl, key, value); });
        EXPECT_EQ(get([&](ReadTransaction& t) { return t.entry(EntryTable::Acl, key); }), value)
            << broken("entry: the value is opaque and comes back as it was put; parts of the key: " + std::to_string(parts));
    }
    write([&](WriteTransaction& t) { t.put_entry(EntryTable::Acl, key, ""); });
    EXPECT_EQ(get([&](ReadTransaction& t) { return t.entry(EntryTable::Acl, key); }), "")
        << broken("put_entry: replaces; empty is a value");
    write([&](WriteTransaction& t) {
        t.erase_entry(EntryTable::Acl, key);
        t.erase_entry(EntryTable::Acl, {"absent"});
    });
    EXPECT_FALSE(get([&](ReadTransaction& t) { return t.entry(EntryTable::Acl, key); })) << broken("erase_entry; absent is fine");
}

TEST_F(Entries, OfDifferentTablesAreIndependent) {
    constexpr EntryTable kTables[] = {EntryTable::Setting,        EntryTable::Webhook, EntryTable::Organization,
                                      EntryTable::MessagingGroup, EntryTable::Acl,     EntryTable::AclByUser};
    write([&](WriteTransaction& t) {
        for (const EntryTable table : kTables) t.put_entry(table, {"k"}, std::to_string(static_cast<int>(table)));
    });
    for (const EntryTable table : kTables) {
        const auto number = std::to_string(static_cast<int>(table));
        EXPECT_EQ(get([&](ReadTransaction& t) { return t.entry(table, {"k"}); }), number) << broken("EntryTable: tables are independent");
        EXPECT_EQ(list(table, {}), Names{"k"}) << broken("entries: only those of the table " + number);
    }
    write([](WriteTransaction& t) { t.erase_entry(EntryTable::Organization, {"k"}); });
    EXPECT_EQ(list(EntryTable::Organization, {}), Names()) << broken("erase_entry: in its table");
    EXPECT_EQ(list(EntryTable::Webhook, {}), Names{"k"}) << broken("erase_entry: in its table only");
}

TEST_F(Entries, AreListedByThePartsOfAPrefixInKeyOrder) {
    write([](WriteTransaction& t) {
        for (const auto& key : std::vector<std::vector<std::string>>{
                 {"a"}, {"a", "b"}, {"a", "b", "c"}, {"a", "bb"}, {"aa"}, {"aa", "b"}, {"", "x"}, {"b", ""}, {"b", "a"}}) {
            t.put_entry(EntryTable::Webhook, key, "v");
        }
    });
    EXPECT_EQ(list(EntryTable::Webhook, {}), (Names{"/x", "a", "a/b", "a/b/c", "a/bb", "aa", "aa/b", "b/", "b/a"}))
        << broken("entries: an empty prefix lists the table, in key order, part by part");
    EXPECT_EQ(list(EntryTable::Webhook, {"a"}), (Names{"a", "a/b", "a/b/c", "a/bb"}))
        << broken("entries: the prefix is compared by whole parts");
    EXPECT_EQ(list(EntryTable::Webhook, {"a", "b"}), (Names{"a/b", "a/b/c"})) << broken("entries: the prefix is compared by whole parts");
    EXPECT_EQ(list(EntryTable::Webhook, {"c"}), Names()) << broken("entries: nothing for an unknown prefix");
    const auto page = get([](ReadTransaction& t) { return t.entries(EntryTable::Webhook, {"b"}, "", 10); });
    ASSERT_EQ(page.items.size(), 2U);
    EXPECT_TRUE((page.items[0] == Entry{{"b", ""}, "v"})) << broken("entries: items have key and value; an empty part is a part");
}

}  // namespace
}  // namespace edgesync::conformance
