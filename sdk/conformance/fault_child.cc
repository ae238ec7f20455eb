#include "fault_child.h"

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "options.h"
#include "store_test.h"

namespace edgesync::conformance {
namespace {

/// One object at a time per slot is under way, so that its versions never overtake each other.
struct Slot {
    std::atomic<bool> is_busy = false;
    std::optional<BlobId> data;
};

[[noreturn]] void fail(const std::string& problem) {
    std::fprintf(stderr, "child: %s\n", problem.c_str());
    std::_Exit(3);
}

std::string text_of(std::exception_ptr failure) {
    try {
        std::rethrow_exception(failure);
    } catch (const std::exception& e) {
        return e.what();
    } catch (...) {
        return "unknown exception";
    }
}

bool is_small(const Store& store, std::size_t size) { return static_cast<std::int64_t>(size) <= store.traits().inline_limit; }

/// Stages the octets of a version with a record, as a transfer does. Its own transaction, waited for.
void stage(Store& store, const BlobId& id, std::uint64_t version, const std::vector<std::byte>& data) {
    {
        const auto writer = store.blobs().create(id);
        writer->write(0, data);
        writer->sync();
    }
    const auto failure = run_write(store, [&](WriteTransaction& t) {
        BlobRecord record = blob_record(id, BlobState::Staged, static_cast<std::int64_t>(data.size()));
        record.received = {{0, record.total}};
        record.instance_id = static_cast<InstanceId>(version);
        t.put_blob(record);
    });
    if (failure) fail(text_of(failure));
}

void put_version(WriteTransaction& t, std::uint64_t version, const BlobId& blob, const std::optional<BlobId>& old,
                 const std::vector<std::byte>& data, bool is_inline) {
    const auto instance = static_cast<InstanceId>(version);
    const ObjectKey key = fault_object(version % kFaultObjects);
    ObjectRecord object = receiver_object(key, ObjectStatus::CompletelyReceived, instance);
    object.data = blob;
    t.put_object(object);
    t.put_delivery({key, fault_node(), static_cast<DeliveryStatus>(version % 6), std::to_string(version)});
    NotificationRecord note = notification(key, fault_node(), NotificationStatus::UpdatePending);
    note.instance_id = instance;
    t.put_notification(note);
    t.put_entry(EntryTable::Setting, {"issued"}, std::to_string(t.next_instance_id(at(0), 0)));
    t.put_entry(EntryTable::Setting, {key.id}, std::to_string(version));
    BlobRecord record = blob_record(blob, BlobState::Published, static_cast<std::int64_t>(data.size()));
    record.instance_id = instance;
    if (is_inline) {
        t.put_small_data(record, data);
    } else {
        t.put_blob(record);
    }
    if (old) t.erase_blob(*old);
}

std::uint64_t largest_version(Store& store, std::array<Slot, kFaultObjects>& slots) {
    std::uint64_t largest = 0;
    store.read([&](ReadTransaction& t) {
        for (std::uint64_t i = 0; i < kFaultObjects; ++i) {
            const auto object = t.object(fault_object(i));
            if (!object) continue;
            slots[i].data = object->data;
            largest = std::max(largest, static_cast<std::uint64_t>(object->meta.instance_id));
        }
    });
    return largest;
}

}  // namespace

ObjectKey fault_object(std::uint64_t number) { return object_key("object" + std::to_string(number)); }
NodeKey fault_node() { return node_key("node"); }

std::vector<std::byte> fault_octets(std::uint64_t version) {
    return octets(version, version % 2 == 0 ? 100 + version % 1000 : 150'000 + version % 1000);
}

int run_fault_child(int fd) try {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // The kit may end the test that has started this.
    OpenStore store(options().root);
    std::array<Slot, kFaultObjects> slots;
    for (std::uint64_t version = largest_version(*store, slots) + 1;; ++version) {
        Slot& slot = slots[version % kFaultObjects];
        while (slot.is_busy) std::this_thread::yield();
        const auto data = std::make_shared<const std::vector<std::byte>>(fault_octets(version));
        const BlobId blob = store->blobs().new_id();
        const bool is_inline = is_small(*store, data->size());
        if (!is_inline) stage(*store, blob, version, *data);
        slot.is_busy = true;
        submit(
            *store, [=, old = slot.data](WriteTransaction& t) { put_version(t, version, blob, old, *data, is_inline); },
            [&slot, fd, version](std::exception_ptr failure) {
                if (failure) fail(text_of(failure));
                if (::write(fd, &version, sizeof version) != sizeof version) fail("the pipe is closed");
                slot.is_busy = false;
            });
        slot.data = blob;
    }
} catch (const std::exception& e) {
    fail(e.what());
}

}  // namespace edgesync::conformance
