// Cost with many records, and removal while records arrive.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <filesystem>
#include <map>
#include <mutex>
#include <random>
#include <thread>

#include "edgesync/sdk/error.h"
#include "options.h"
#include "store_test.h"

namespace edgesync::conformance {
namespace {

class Scale : public StoreTest {
protected:
    /// In microseconds.
    struct Medians {
        double of_call = 0;
        double of_lookup = 0;  ///< Of a single record by its key, which the machine was as busy with.
    };
    /// Of `count` calls, and of as many lookups in between; printed and recorded.
    template <typename F>
    Medians medians_of(const char* what, int count, F f) {
        std::vector<double> times;
        std::vector<double> lookups;
        for (int i = 0; i < count; ++i) {
            times.push_back(time_of([&] { f(i); }));
            lookups.push_back(time_of([&] { store().read([](ReadTransaction& t) { t.entry(EntryTable::Setting, {"absent"}); }); }));
        }
        std::sort(times.begin(), times.end());
        std::sort(lookups.begin(), lookups.end());
        const Medians medians{times[times.size() / 2], lookups[lookups.size() / 2]};
        std::printf("%s: median %.1f us, p99 %.1f us, largest %.1f us; a lookup %.1f us\n", what, medians.of_call,
                    times[times.size() * 99 / 100], times.back(), medians.of_lookup);
        RecordProperty(what, std::to_string(medians.of_call));
        return medians;
    }

private:
    template <typename F>
    static double time_of(F f) {
        const auto begin = std::chrono::steady_clock::now();
        f();
        return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin).count();
    }
};

constexpr int kNodes = 100'000;
constexpr double kGenerousMicroseconds = 5000;  // For several calls together.
/// A poll takes less than a millisecond; on a machine where it is slow among few nodes as well, or where every lookup is while it runs, not
/// much more than that. Looking at the other nodes one by one takes far longer than either.
constexpr double kPollMicroseconds = 1000;
constexpr double kMoreThanAmongFew = 10;
/// For each call of several.
constexpr double kMoreThanALookup = 5;

double bound_of_lists(int calls, double lookup) { return std::max(kGenerousMicroseconds, kMoreThanALookup * calls * lookup); }

NodeKey numbered_node(int i) { return node_key("node" + std::to_string(i)); }

TEST_F(Scale, PollingOneOfAHundredThousandNodesIsOneProbe) {
    write([](WriteTransaction& t) {
        for (int i = 0; i < 10; ++i) {
            t.put_destination(destination(numbered_node(i), i));
            t.put_notification(notification(object_key("object"), numbered_node(i), NotificationStatus::ReceivedByDest, i));
        }
    });
    const Medians few = medians_of("empty poll among 10 nodes", 1000, [&](int i) {
        store().read([&](ReadTransaction& t) {
            EXPECT_TRUE(t.pending_notifications(numbered_node(i % 10), 0, 10).empty()) << broken("pending_notifications: by status");
        });
    });
    const auto bound = [&](double lookup) { return std::max(kPollMicroseconds, kMoreThanAmongFew * std::max(few.of_call, lookup)); };
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
    const Medians empty = medians_of("empty poll among 100000 nodes", 1000, [&](int) {
        const auto node = numbered_node(static_cast<int>(random() % 77'777));
        store().read([&](ReadTransaction& t) {
            if (!t.pending_notifications(node, 0, 10).empty()) ADD_FAILURE() << broken("pending_notifications: of that peer only");
        });
    });
    EXPECT_LT(empty.of_call, bound(empty.of_lookup)) << broken("pending_notifications: one index probe");
    const Medians found = medians_of("poll that finds one among 100000 nodes", 1000, [&](int) {
        store().read([&](ReadTransaction& t) {
            if (t.pending_notifications(numbered_node(77'777), 0, 10).size() != 1) {
                ADD_FAILURE() << broken("pending_notifications: finds the one that waits");
            }
        });
    });
    EXPECT_LT(found.of_call, bound(found.of_lookup)) << broken("pending_notifications: one index probe");
    const Medians lists = medians_of("other short lists among 100000 nodes", 200, [&](int i) {
        store().read([&](ReadTransaction& t) {
            EXPECT_EQ(t.inactive_destinations(at(3), 10).size(), 3U) << broken("inactive_destinations: last_ping < before");
            EXPECT_EQ(t.count_destinations(), static_cast<std::uint64_t>(kNodes)) << broken("count_destinations");
            EXPECT_TRUE(t.due_notifications(at(kNodes), 10).empty()) << broken("due_notifications: by status");
            EXPECT_TRUE(t.transfers("", 10).items.empty()) << broken("transfers: by status");
            EXPECT_EQ(t.notifications_of_peer(numbered_node(i), "", 10).items.size(), 1U) << broken("notifications_of_peer");
        });
    });
    EXPECT_LT(lists.of_call, bound_of_lists(5, lists.of_lookup)) << broken("lists do not scan unrelated records");
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
    const Medians lists = medians_of("short lists among 20000 objects", 500, [&](int) {
        store().read([&](ReadTransaction& t) {
            EXPECT_EQ(t.updated_objects("org", "type", true, "", 10).items.size(), 1U) << broken("updated_objects");
            EXPECT_EQ(t.objects_addressed_to(node_key("n"), "", 10).items.size(), 1U) << broken("objects_addressed_to");
            EXPECT_TRUE(t.expired_objects(at(0), 10).empty()) << broken("expired_objects");
            EXPECT_EQ(t.count_own_objects(), 10'001U) << broken("count_own_objects");
        });
    });
    EXPECT_LT(lists.of_call, bound_of_lists(4, lists.of_lookup))
        << broken("updated_objects, objects_addressed_to: through an index, not by scanning the others");
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

/// The same as above with data that is written while its organization is removed.
class LargeScale : public Scale {
protected:
    static constexpr int kWriters = 4;
    static constexpr int kEach = 12;
    static constexpr std::size_t kHalf = 150'001;

    void SetUp() override {
        Scale::SetUp();
        half_ = octets(5, kHalf);
    }

    /// Receives the data of one object as the service does. False: the organization is gone, and so the data was not recorded.
    bool receive(const ObjectKey& key, const BlobId& id) {
        const auto writer = store().blobs().create(id);
        writer->write(0, half_);
        writer->sync();
        bool is_recorded = false;
        write([&](WriteTransaction& t) {
            is_recorded = key.org == "staying" || t.entry(EntryTable::Organization, {key.org}).has_value();
            if (!is_recorded) return;
            ObjectRecord record = receiver_object(key, ObjectStatus::PartiallyReceived, 1);
            record.staged = id;
            t.put_object(record);
            t.put_blob(blob_record(id, BlobState::Staged, 2 * kHalf));
        });
        if (!is_recorded) return false;
        if (key.org == "leaving") ++recorded_;
        try {
            writer->write(kHalf, half_);  // It may be gone by now.
            writer->sync();
        } catch (const Error& error) {
            EXPECT_EQ(key.org, "leaving") << error.what();
        }
        return true;
    }
    void receive_many(int writer) {
        for (int i = 0; i < kEach; ++i) {
            const std::string name = std::to_string(writer) + "-" + std::to_string(i);
            for (const char* org : {"leaving", "staying"}) {
                const BlobId id = store().blobs().new_id();
                // Every other writer ends here, as a process does that is killed, and leaves the rest to the next start.
                if (!receive(object_key(name, "type", org), id) && writer % 2 == 0) store().blobs().discard(id);
                const std::scoped_lock lock(mutex_);
                blobs_[org].push_back(id);
            }
        }
    }
    std::size_t left(const std::string& org) {
        std::size_t count = 0;
        for (const BlobId& id : blobs_[org]) count += store().blobs().reopen(id) ? 1 : 0;
        return count;
    }
    std::size_t files() const {
        std::size_t count = 0;
        for (const auto& item : std::filesystem::recursive_directory_iterator(folder())) count += item.is_regular_file() ? 1 : 0;
        return count;
    }

    std::vector<std::byte> half_;
    std::atomic<int> recorded_{0};
    std::mutex mutex_;  // Guards blobs_ while writers run.
    std::map<std::string, std::vector<BlobId>> blobs_;
};

TEST_F(LargeScale, RemovingAnOrganizationWhileItsLargeDataArriveLeavesNoFiles) {
    restart();
    const std::size_t files_before = files();
    write([](WriteTransaction& t) { t.put_entry(EntryTable::Organization, {"leaving"}, "here"); });
    std::vector<std::future<void>> writers;
    for (int w = 0; w < kWriters; ++w) {
        writers.push_back(std::async(std::launch::async, [this, w] { receive_many(w); }));
    }
    const auto deadline = std::chrono::steady_clock::now() + usual_wait();
    while (recorded_ < kWriters * kEach / 4 && std::chrono::steady_clock::now() < deadline) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    EXPECT_GE(recorded_, kWriters * kEach / 4) << "the removal meets data";
    write([](WriteTransaction& t) { t.erase_entry(EntryTable::Organization, {"leaving"}); });
    while (remove_some(store(), "leaving")) {
    }
    for (auto& one : writers) one.get();
    store().read([](ReadTransaction& t) {
        EXPECT_TRUE(t.objects("leaving", "", "", 10).items.empty())
            << broken("what is erased leaves every list, also under concurrent writers");
    });
    restart();
    const auto end = std::chrono::steady_clock::now() + usual_wait();
    constexpr std::size_t kStaying = kWriters * kEach;
    constexpr std::size_t kOwn = 4;  // Files of the store itself that come and go.
    // What was erased may stay for a while in a shared store, for readers in other processes.
    const bool keeps_erased = store().traits().is_shared;
    const auto has_strays = [&] { return !keeps_erased && files() > files_before + kStaying + kOwn; };
    while ((left("leaving") > 0 || has_strays()) && std::chrono::steady_clock::now() < end) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    EXPECT_EQ(left("leaving"), 0U) << broken("erase_blob, discard, open: nothing is left of data that no record names");
    EXPECT_FALSE(has_strays()) << broken("open: removes orphans of a crash") << files();
    if (!store().traits().is_persistent) return;
    EXPECT_EQ(left("staying"), kStaying) << broken("removing data of one organization leaves that of another");
    std::vector<std::byte> found(2 * kHalf);
    ASSERT_EQ(store().blobs().reopen(blobs_["staying"].front())->read(0, found), found.size());
    EXPECT_TRUE(std::equal(half_.begin(), half_.end(), found.begin()) && std::equal(half_.begin(), half_.end(), found.begin() + kHalf));
}

}  // namespace
}  // namespace edgesync::conformance
