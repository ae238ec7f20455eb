#include "write_transaction.h"

#include <algorithm>

#include "edgesync/sdk/codec.h"
#include "edgesync/sdk/error.h"
#include "edgesync/sdk/key.h"
#include "edgesync/sdk/store_lists.h"
#include "indexes.h"

namespace edgesync::lmdb {
namespace {

constexpr std::size_t kErasePage = 1000;

MDB_val value_of(std::string_view octets) { return {octets.size(), const_cast<char*>(octets.data())}; }

}  // namespace

void Writes::put(Table table, std::string_view key, std::string_view value) {
    MDB_val k = value_of(key);
    MDB_val v = value_of(value);
    has_changed_ = true;
    // Keys that begin with the time mostly come in order: appended, they fill their pages, where others leave half of them free.
    const bool is_ascending = table == Table::Blob || table == Table::SmallData;
    int result = mdb_put(txn_, environment_.dbi(table), &k, &v, is_ascending ? MDB_APPEND : 0);
    if (result == MDB_KEYEXIST) result = mdb_put(txn_, environment_.dbi(table), &k, &v, 0);
    check(result, "writing");
    changes_.put(table, key, value);
}

bool Writes::del(Table table, std::string_view key) {
    MDB_val k = value_of(key);
    const bool existed = check(mdb_del(txn_, environment_.dbi(table), &k, nullptr), "erasing");
    if (!existed) return false;
    has_changed_ = true;
    changes_.erase(table, key);
    return true;
}

template <typename Record>
void Writes::reindex(const Record* before, const Record* after, const std::string& primary) {
    const auto old_entries = before != nullptr ? entries_of(*before) : std::vector<IndexEntry>{};
    const auto new_entries = after != nullptr ? entries_of(*after) : std::vector<IndexEntry>{};
    for (const auto& entry : old_entries) {
        if (!std::binary_search(new_entries.begin(), new_entries.end(), entry)) del(entry.table, entry.key);
    }
    for (const auto& entry : new_entries) {
        if (!std::binary_search(old_entries.begin(), old_entries.end(), entry)) put(entry.table, entry.key, primary);
    }
}

void Writes::add(const char* counter_name, std::int64_t difference) {
    if (difference == 0) return;
    put(Table::Meta, counter_name, Key().sequence(counter(counter_name) + static_cast<std::uint64_t>(difference)).str());
}

void Writes::put_object(const ObjectRecord& record) {
    const std::string key = object_key(record.key());
    const auto old = object(record.key());
    put(Table::Object, key, codec::encode(record));
    reindex(old ? &*old : nullptr, &record, key);
    add("own", static_cast<int>(is_own_object(record.status)) - static_cast<int>(old && is_own_object(old->status)));
    add("consumed", static_cast<int>(record.consumed_at.has_value()) - static_cast<int>(old && old->consumed_at));
}

void Writes::erase_object(const ObjectKey& key) {
    const auto old = object(key);
    if (!old) return;
    const std::string primary = object_key(key);
    del(Table::Object, primary);
    reindex<ObjectRecord>(&*old, nullptr, primary);
    add("own", is_own_object(old->status) ? -1 : 0);
    add("consumed", old->consumed_at ? -1 : 0);
}

void Writes::count_delivery(const ObjectKey& object, std::optional<DeliveryStatus> before, std::optional<DeliveryStatus> after) {
    if (before == after) return;
    DeliveryCounts counts = delivery_counts(object);
    if (before) --counts[static_cast<std::size_t>(*before)];
    if (after) ++counts[static_cast<std::size_t>(*after)];
    Key value;
    bool is_empty = true;
    for (const std::uint64_t count : counts) {
        value.sequence(count);
        is_empty = is_empty && count == 0;
    }
    if (is_empty) {
        del(Table::DeliveryCount, object_key(object));
    } else {
        put(Table::DeliveryCount, object_key(object), value.str());
    }
}

void Writes::put_delivery(const DeliveryRecord& record) {
    const std::string key = Key().object(record.object).node(record.node).str();
    const auto old = delivery(record.object, record.node);
    if (old == record) return;
    put(Table::Delivery, key, codec::encode(record));
    if (!old) put(Table::NodeObject, Key().node(record.node).object(record.object).str(), key);
    count_delivery(record.object, old ? std::optional(old->status) : std::nullopt, record.status);
}

void Writes::erase_delivery(const ObjectKey& object, const NodeKey& node) {
    const auto old = delivery(object, node);
    if (!old) return;
    del(Table::Delivery, Key().object(object).node(node).str());
    del(Table::NodeObject, Key().node(node).object(object).str());
    count_delivery(object, old->status, std::nullopt);
}

void Writes::erase_deliveries(const ObjectKey& object) {
    for (;;) {
        const auto page = deliveries(object, "", kErasePage);
        for (const auto& record : page.items) erase_delivery(object, record.node);
        if (page.next.empty()) return;
    }
}

void Writes::put_notification(const NotificationRecord& record) {
    NotificationRecord stored = record;
    stored.sequence = ++sequences_.notification;
    sequences_.has_changed = true;
    const std::string key = Key().object(record.object).node(record.peer).str();
    const auto old = notification(record.object, record.peer);
    put(Table::Notification, key, codec::encode(stored));
    reindex(old ? &*old : nullptr, &stored, key);
}

void Writes::erase_notification(const NotificationRecord& record) {
    const std::string key = Key().object(record.object).node(record.peer).str();
    del(Table::Notification, key);
    reindex<NotificationRecord>(&record, nullptr, key);
}

void Writes::erase_notification(const ObjectKey& object, const NodeKey& peer) {
    if (const auto old = notification(object, peer)) erase_notification(*old);
}

void Writes::erase_notifications_of_object(const ObjectKey& object) {
    for (;;) {
        const auto page = notifications_of_object(object, "", kErasePage);
        for (const auto& record : page.items) erase_notification(record);
        if (page.next.empty()) return;
    }
}

void Writes::erase_notifications_of_peer(const NodeKey& peer) {
    for (;;) {
        const auto page = notifications_of_peer(peer, "", kErasePage);
        for (const auto& record : page.items) erase_notification(record);
        if (page.next.empty()) return;
    }
}

void Writes::put_destination(const DestinationRecord& record) {
    const std::string key = Key().node(record.node).str();
    const auto old = destination(record.node);
    put(Table::Destination, key, codec::encode(record));
    reindex(old ? &*old : nullptr, &record, key);
    add("destinations", old ? 0 : 1);
}

void Writes::erase_destination(const NodeKey& node) {
    const auto old = destination(node);
    if (!old) return;
    const std::string key = Key().node(node).str();
    del(Table::Destination, key);
    reindex<DestinationRecord>(&*old, nullptr, key);
    add("destinations", -1);
}

void Writes::put_blob(const BlobRecord& record) {
    const std::string key = blob_key(record.id);
    const auto old = blob(record.id);
    put(Table::Blob, key, codec::encode(record));
    reindex(old ? &*old : nullptr, &record, key);
}

void Writes::put_small_data(const BlobRecord& record, std::span<const std::byte> octets) {
    put_blob(record);
    put(Table::SmallData, blob_key(record.id), {reinterpret_cast<const char*>(octets.data()), octets.size()});
}

void Writes::erase_blob(const BlobId& id) {
    const auto old = blob(id);
    if (!old) return;
    const std::string key = blob_key(id);
    del(Table::Blob, key);
    reindex<BlobRecord>(&*old, nullptr, key);
    if (!del(Table::SmallData, key)) erased_files_.push_back(id);
}

void Writes::put_entry(EntryTable table, const std::vector<std::string>& key, const std::string& value) {
    if (key.empty() || key.size() > 6) throw Error(ErrorKind::InvalidRequest, "An entry's key has one to six parts");
    put(Table::Entry, entry_key(table, key), entry_value(key, value));
}

void Writes::erase_entry(EntryTable table, const std::vector<std::string>& key) { del(Table::Entry, entry_key(table, key)); }

InstanceId Writes::next_instance_id(TimePoint now, InstanceId floor) {
    sequences_.instance = std::max({static_cast<InstanceId>(now.time_since_epoch().count()), sequences_.instance + 1, floor + 1});
    sequences_.has_changed = true;
    has_changed_ = true;
    return sequences_.instance;
}

void Writes::put_work(const WorkItem* before, const WorkItem& after) {
    const std::string key = Key().sequence(after.id).str();
    put(Table::Work, key, codec::encode(after));
    reindex(before, &after, key);
}

std::uint64_t Writes::enqueue_work(const std::string& kind, const std::string& payload, TimePoint not_before) {
    WorkItem item;
    item.id = ++sequences_.work;
    item.kind = kind;
    item.payload = payload;
    item.not_before = not_before;
    sequences_.has_changed = true;
    put_work(nullptr, item);
    add("work", 1);
    return item.id;
}

std::vector<WorkItem> Writes::claim_work(TimePoint now, std::chrono::seconds lease, std::size_t limit) {
    std::vector<WorkItem> items;
    scan_times(Table::WorkTime, now, limit, [&](std::string_view key) {
        if (const auto value = get(Table::Work, key)) items.push_back(codec::decode_work(*value));
    });
    for (auto& item : items) {
        const WorkItem before = item;
        ++item.attempts;
        WorkItem moved = item;
        moved.not_before = now + lease;
        put_work(&before, moved);
    }
    return items;
}

void Writes::complete_work(std::uint64_t id) {
    const std::string key = Key().sequence(id).str();
    const auto value = get(Table::Work, key);
    if (!value) return;
    const WorkItem old = codec::decode_work(*value);
    del(Table::Work, key);
    reindex<WorkItem>(&old, nullptr, key);
    add("work", -1);
}

void Writes::reschedule_work(std::uint64_t id, TimePoint not_before, const std::string& payload) {
    const auto value = get(Table::Work, Key().sequence(id).str());
    if (!value) return;
    const WorkItem old = codec::decode_work(*value);
    WorkItem moved = old;
    moved.not_before = not_before;
    moved.payload = payload;
    put_work(&old, moved);
}

void Writes::put_sequences() {
    if (!sequences_.has_changed) return;
    put(Table::Meta, "sequences", Key().sequence(sequences_.notification).sequence(sequences_.work).number(sequences_.instance).str());
    sequences_.has_changed = false;
}

}  // namespace edgesync::lmdb
