// Cost with many records, and removal while records arrive.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <random>

#include "options.h"
#include "store_test.h"

namespace edgesync::conformance {
namespace {

class Scale : public StoreTest {
protected:
    /// Median and largest time of `count` calls, in microseconds; printed and recorded.
    template <typename F>
    double median_of(const char* what, int count, F f) {
        std::vector<double> times;
        for (int i = 0; i < count; ++i) {
            const auto begin = std::chrono::steady_clock::now();
            f(i);
            times.push_back(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin).count());
        }
        std::sort(times.begin(), times.end());
        const double median = times[times.size() / 2];
        std::printf("%s: median %.1f us, p99 %.1f us, largest %.1f us\n", what, median, times[times.size() * 99 / 100], times.back());
        RecordProperty(what, std::to_string(median));
        return median;
    }
};

constexpr int kNodes = 100'000;
constexpr double kGenerousMicroseconds = 5000;  // The aim is below 1000 us; loaded test machines are slow.

NodeKey numbered_node(int i) { return node_key("node" + std::to_string(i)); }

TEST_F(Scale, PollingOneOfAHundredThousandNodesIsOneProbe) {
    for (int begin = 0; begin < kNodes; begin += 2000) {
        write([&](WriteTransaction& t) {
            for (int i = begin; i < begin + 2000; ++i) {
                t.put_destination(destination(numbered_node(i), i));
                t.put_notification(notification(object_key("object"), numbered_node(i), NotificationStatus::ReceivedByDest, i));
            }
        });
    }
    write([](WriteTransaction& t) {
        t.put_notification(notification(object_key("object"), numbered_node(77'777), NotificationStatus::UpdatePending));
    });
    std::mt19937_64 random(options().seed);
    const double empty = median_of("empty poll among 100000 nodes", 1000, [&](int) {
        const auto node = numbered_node(static_cast<int>(random() % 77'777));
        store().read([&](ReadTransaction& t) {
            if (!t.pending_notifications(node, 0, 10).empty()) ADD_FAILURE() << broken("pending_notifications: of that peer only");
        });
    });
    EXPECT_LT(empty, kGenerousMicroseconds) << broken("pending_notifications: one index probe");
    const double found = median_of("poll that finds one among 100000 nodes", 1000, [&](int) {
        store().read([&](ReadTransaction& t) {
            if (t.pending_notifications(numbered_node(77'777), 0, 10).size() != 1) {
                ADD_FAILURE() << broken("pending_notifications: finds the one that waits");
            }
        });
    });
    EXPECT_LT(found, kGenerousMicroseconds) << broken("pending_notifications: one index probe");
    const double lists = median_of("other short lists among 100000 nodes", 200, [&](int i) {
        store().read([&](ReadTransaction& t) {
            EXPECT_EQ(t.inactive_destinations(at(3), 10).size(), 3U) << broken("inactive_destinations: last_ping < before");
            EXPECT_EQ(t.count_destinations(), static_cast<std::uint64_t>(kNodes)) << broken("count_destinations");
            EXPECT_TRUE(t.due_notifications(at(kNodes), 10).empty()) << broken("due_notifications: by status");
            EXPECT_TRUE(t.transfers("", 10).items.empty()) << broken("transfers: by status");
            EXPECT_EQ(t.notifications_of_peer(numbered_node(i), "", 10).items.size(), 1U) << broken("notifications_of_peer");
        });
    });
    EXPECT_LT(lists, kGenerousMicroseconds) << broken("lists do not scan unrelated records");
}

TEST_F(Scale, ListsOfFewObjectsAmongManyDoNotScanTheOthers) {
    constexpr int kObjects = 20'000;
    for (int begin = 0; begin < kObjects; begin += 2000) {
        write([&](WriteTransaction& t) {
            for (int i = begin; i < begin + 2000; ++i) {
                ObjectRecord record = sender_object(object_key("o" + std::to_string(i)));
                if (i % 2 == 0) record = receiver_object(record.key(), ObjectStatus::ObjConsumed, i);
                record.meta.destination_type = "other";
                t.put_object(record);
            }
        });
    }
    write([](WriteTransaction& t) {
        t.put_object(receiver_object(object_key("new"), ObjectStatus::CompletelyReceived, 7));
        ObjectRecord record = sender_object(object_key("addressed"));
        record.meta.destination_type = "node";
        t.put_object(record);
    });
    const double median = median_of("short lists among 20000 objects", 500, [&](int) {
        store().read([&](ReadTransaction& t) {
            EXPECT_EQ(t.updated_objects("org", "type", true, "", 10).items.size(), 1U) << broken("updated_objects");
            EXPECT_EQ(t.objects_addressed_to(node_key("n"), "", 10).items.size(), 1U) << broken("objects_addressed_to");
            EXPECT_TRUE(t.expired_objects(at(0), 10).empty()) << broken("expired_objects");
            EXPECT_EQ(t.count_own_objects(), 10'001U) << broken("count_own_objects");
        });
    });
    EXPECT_LT(median, kGenerousMicroseconds) << broken(
        "updated_objects, objects_addressed_to: through an index, not by scanning the others");
}

/// Puts an object with everything that belongs to it.
void put_received(WriteTransaction& t, const ObjectKey& key, const BlobId& blob) {
    ObjectRecord record = receiver_object(key, ObjectStatus::PartiallyReceived, 1);
    record.staged = blob;
    t.put_object(record);
    t.put_delivery(delivery(key, node_key("n", "node", key.org)));
    t.put_notification(notification(key, node_key("n", "node", key.org), NotificationStatus::GetData));
    t.put_small_data(blob_record(blob, BlobState::Staged, 100), octets(1, 10));
}

/// Removes up to 20 objects of an org with everything that belongs to them; false if there were none.
bool remove_some(Store& store, const std::string& org) {
    bool is_any = false;
    const auto failure = run_write(store, [&](WriteTransaction& t) {
        const auto page = t.objects(org, "", "", 20);
        is_any = !page.items.empty();
        for (const ObjectRecord& record : page.items) {
            t.erase_object(record.key());
            t.erase_deliveries(record.key());
            t.erase_notifications_of_object(record.key());
            if (record.staged) t.erase_blob(*record.staged);
        }
    });
    if (failure) std::rethrow_exception(failure);
    return is_any;
}

TEST_F(Scale, RemovingAnOrganizationWhileItsObjectsArriveLeavesNothing) {
    constexpr int kWriters = 4;
    constexpr int kEach = 60;
    std::atomic<int> running = kWriters;
    std::vector<std::future<void>> writers;
    for (int w = 0; w < kWriters; ++w) {
        writers.push_back(std::async(std::launch::async, [&, w] {
            for (int i = 0; i < kEach; ++i) {
                const std::string name = std::to_string(w) + "-" + std::to_string(i);
                const BlobId leaving = store().blobs().new_id();
                const BlobId staying = store().blobs().new_id();
                write([&](WriteTransaction& t) {
                    put_received(t, object_key(name, "type", "leaving"), leaving);
                    put_received(t, object_key(name, "type", "staying"), staying);
                });
            }
            --running;
        }));
    }
    while (running > 0) remove_some(store(), "leaving");
    for (auto& one : writers) one.get();
    while (remove_some(store(), "leaving")) {
    }
    const auto rule = broken("what is erased leaves every list, also under concurrent writers");
    store().read([&](ReadTransaction& t) {
        EXPECT_TRUE(t.objects("leaving", "", "", 10).items.empty()) << rule;
        EXPECT_TRUE(t.objects_of_node(node_key("n", "node", "leaving"), "", 10).items.empty()) << rule;
        EXPECT_TRUE(t.notifications_of_peer(node_key("n", "node", "leaving"), "", 10).items.empty()) << rule;
        constexpr std::size_t kStaying = kWriters * kEach;
        EXPECT_EQ(t.objects("", "", "", 10'000).items.size(), kStaying) << rule;
        EXPECT_EQ(t.objects_of_node(node_key("n", "node", "staying"), "", 10'000).items.size(), kStaying) << rule;
        EXPECT_EQ(t.transfers("", 10'000).items.size(), kStaying) << rule;
        EXPECT_EQ(t.staged_blobs(at(100), 10'000).size(), kStaying) << rule;
    });
}

}  // namespace
}  // namespace edgesync::conformance
