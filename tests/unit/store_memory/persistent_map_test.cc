#include "plugins/store-memory/persistent_map.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <vector>

namespace edgesync::memory {
namespace {

using Map = PersistentMap<int, int>;
using Model = std::map<int, int>;

Model contents(const Map& map) {
    Model out;
    map.visit([&](int key, int value) {
        EXPECT_TRUE(out.empty() || out.rbegin()->first < key);
        out.emplace(key, value);
        return true;
    });
    EXPECT_EQ(map.size(), out.size());
    return out;
}

TEST(PersistentMap, BehavesAsAnOrderedMapUnderRandomChanges) {
    std::mt19937 random(7);
    Map map;
    Model model;
    for (Edit edit = 1; edit <= 3000; ++edit) {
        const int key = static_cast<int>(random() % 200);
        if (random() % 3 == 0) {
            map.erase(edit, key);
            model.erase(key);
        } else {
            map.put(edit, key, static_cast<int>(edit));
            model[key] = static_cast<int>(edit);
        }
        if (edit % 50 == 0) {
            ASSERT_EQ(contents(map), model);
        }
        const int* found = map.find(key);
        ASSERT_EQ(found != nullptr, model.contains(key));
    }
}

TEST(PersistentMap, CopiesKeepTheirContentsWhenOthersChange) {
    std::mt19937 random(8);
    std::vector<std::pair<Map, Model>> snapshots;
    Map map;
    Model model;
    for (Edit edit = 1; edit <= 100; ++edit) {
        for (int change = 0; change < 20; ++change) {
            const int key = static_cast<int>(random() % 100);
            if (random() % 2 == 0) {
                map.erase(edit, key);
                model.erase(key);
            } else {
                map.put(edit, key, change);
                model[key] = change;
            }
        }
        snapshots.emplace_back(map, model);
    }
    for (const auto& [copy, expected] : snapshots) EXPECT_EQ(contents(copy), expected);
}

TEST(PersistentMap, VisitsFromAKeyWithOrWithoutIt) {
    Map map;
    for (int key = 0; key < 100; key += 10) map.put(1, key, key);
    const auto keys_from = [&](int from, bool is_inclusive) {
        std::vector<int> keys;
        map.visit_from(from, is_inclusive, [&](int key, int) {
            keys.push_back(key);
            return keys.size() < 3;
        });
        return keys;
    };
    EXPECT_EQ(keys_from(20, true), (std::vector{20, 30, 40}));
    EXPECT_EQ(keys_from(20, false), (std::vector{30, 40, 50}));
    EXPECT_EQ(keys_from(25, false), (std::vector{30, 40, 50}));
    EXPECT_EQ(keys_from(80, true), (std::vector{80, 90}));
    EXPECT_EQ(keys_from(91, true), std::vector<int>());
}

}  // namespace
}  // namespace edgesync::memory
