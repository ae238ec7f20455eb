// Changes that are answered but not committed, as readers see them.
#include "plugins/store-lmdb/overlay.h"

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <random>

namespace edgesync::lmdb {
namespace {

std::shared_ptr<const std::string> put(const std::string& key, const std::string& value) {
    ChangeList changes;
    changes.put(Table::Object, key, value);
    return changes.take();
}

/// "-" for an erased key, "?" for one that is as in the snapshot.
std::string seen(const PendingChanges& pending, Table table, const std::string& key) {
    const Change* change = pending.find(table, key);
    if (change == nullptr) return "?";
    return change->is_put ? std::string(change->value) : "-";
}

TEST(Overlay, OfAKeyTheLastChangeCounts) {
    Overlay overlay;
    ChangeList changes;
    changes.put(Table::Object, "a", "1");
    changes.put(Table::Object, "b", "1");
    changes.put(Table::Object, "a", "2");
    changes.erase(Table::Object, "b");
    overlay.add(changes.take());
    EXPECT_TRUE(changes.octets().empty());
    EXPECT_EQ(seen(*overlay.pending(), Table::Object, "a"), "2");
    EXPECT_EQ(seen(*overlay.pending(), Table::Object, "b"), "-");
    EXPECT_EQ(seen(*overlay.pending(), Table::Object, "c"), "?");
    EXPECT_EQ(seen(*overlay.pending(), Table::Blob, "a"), "?") << "tables are apart";
}

TEST(Overlay, WhatAReaderHoldsDoesNotChange) {
    Overlay overlay;
    overlay.clear(7);
    overlay.add(put("a", "1"));
    const auto held = overlay.pending();
    overlay.add(put("a", "2"));
    overlay.clear(8);
    EXPECT_EQ(seen(*held, Table::Object, "a"), "1");
    EXPECT_EQ(held->transaction, 7U);
    EXPECT_EQ(seen(*overlay.pending(), Table::Object, "a"), "?");
    EXPECT_EQ(overlay.pending()->transaction, 8U);
}

TEST(Overlay, ManyGroupsAreFewRunsWithTheNewestValues) {
    Overlay overlay;
    std::map<std::string, std::string> model;
    std::mt19937 chance(1);
    for (int group = 0; group < 300; ++group) {
        ChangeList changes;
        for (int i = 0; i < 6; ++i) {
            const std::string key = "key" + std::to_string(chance() % 200);
            if (chance() % 4 == 0) {
                changes.erase(Table::Object, key);
                model[key] = "-";
            } else {
                model[key] = std::to_string(chance());
                changes.put(Table::Object, key, model[key]);
            }
        }
        overlay.add(changes.take());
        const auto pending = overlay.pending();
        ASSERT_LE(pending->runs.size(), 10U);
        for (const auto& [key, value] : model) ASSERT_EQ(seen(*pending, Table::Object, key), value) << "group " << group;
    }
}

}  // namespace
}  // namespace edgesync::lmdb
