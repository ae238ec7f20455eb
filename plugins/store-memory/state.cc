#include "state.h"

#include "edgesync/sdk/store_lists.h"

namespace edgesync::memory {
namespace {

// What a record costs beside its long strings: the record itself, its nodes and those of its indexes, roughly.
constexpr std::int64_t kRecordOverheadBytes = 512;

std::int64_t size_of(const std::string& text) { return static_cast<std::int64_t>(text.size()); }
std::int64_t size_of(const ObjectKey& key) { return size_of(key.org) + size_of(key.type) + size_of(key.id); }
std::int64_t size_of(const NodeKey& key) { return size_of(key.org) + size_of(key.type) + size_of(key.id); }

std::int64_t size_of(const DestinationPolicy& policy) {
    std::int64_t bytes = 0;
    for (const auto& p : policy.properties) bytes += 96 + size_of(p.name) + size_of(p.value_json) + size_of(p.type);
    for (const auto& c : policy.constraints) bytes += 32 + size_of(c);
    for (const auto& s : policy.services) bytes += 128 + size_of(s.org) + size_of(s.arch) + size_of(s.name) + size_of(s.version);
    return bytes;
}

std::int64_t size_of(const ObjectRecord& record) {
    const Metadata& m = record.meta;
    std::int64_t bytes = kRecordOverheadBytes + static_cast<std::int64_t>(sizeof record) + 2 * size_of(record.key());
    for (const std::string* text : {&m.destination_id, &m.destination_type, &m.expiration, &m.version, &m.description, &m.link,
                                    &m.activation_time, &m.destination_data_uri, &m.source_data_uri, &m.origin_id, &m.origin_type,
                                    &m.hash_algorithm, &m.public_key, &m.signature, &m.owner_id}) {
        bytes += size_of(*text);
    }
    if (m.destinations_list) {
        for (const std::string& entry : *m.destinations_list) bytes += 3 * size_of(entry) + 256;
    }
    if (m.destination_policy) bytes += size_of(*m.destination_policy);
    bytes += static_cast<std::int64_t>(record.removed_services.size() * sizeof(PolicyService));
    return bytes;
}

std::int64_t size_of(const DeliveryRecord& r) {
    return kRecordOverheadBytes + 2 * (size_of(r.object) + size_of(r.node)) + size_of(r.message);
}
std::int64_t size_of(const NotificationRecord& r) { return kRecordOverheadBytes + 2 * (size_of(r.object) + size_of(r.peer)); }
std::int64_t size_of(const DestinationRecord& r) {
    return kRecordOverheadBytes + 2 * size_of(r.node) + size_of(r.protocol) + size_of(r.code_version);
}
std::int64_t size_of(const BlobEntry& e) {
    return kRecordOverheadBytes + static_cast<std::int64_t>(e.record.received.size() * sizeof(ByteRange));
}
std::int64_t size_of(const std::vector<std::string>& key, const std::string& value) {
    std::int64_t bytes = kRecordOverheadBytes + size_of(value);
    for (const std::string& part : key) bytes += size_of(part) + 32;
    return bytes;
}
std::int64_t size_of(const WorkItem& item) { return kRecordOverheadBytes + size_of(item.kind) + size_of(item.payload); }

template <typename Key>
void mark(PersistentSet<Key>& set, Edit edit, Key key, bool is_present) {
    if (is_present) {
        set.put(edit, std::move(key), {});
    } else {
        set.erase(edit, key);
    }
}

}  // namespace

void State::index(Edit edit, const ObjectRecord& record, bool is_present) {
    const ObjectKey key = record.key();
    const UpdatedList list = updated_list_of(record);
    const UpdateKey update{key.org, key.type, record.meta.instance_id, key.id};
    if (list == UpdatedList::News) mark(updated, edit, update, is_present);
    if (list != UpdatedList::None) mark(updated_and_received, edit, update, is_present);
    for (const Address& address : addresses_of(record)) mark(addressed, edit, {address, key}, is_present);
    if (record.side == Side::Sender && record.expires) mark(expiring, edit, {*record.expires, key}, is_present);
    if (record.activates) mark(activating, edit, {*record.activates, key}, is_present);
    if (record.consumed_at) mark(consumed, edit, {*record.consumed_at, key}, is_present);
    if (is_own_object(record.status)) own_objects = is_present ? own_objects + 1 : own_objects - 1;
    record_bytes += is_present ? size_of(record) : -size_of(record);
}

void State::put(Edit edit, const ObjectRecord& record) {
    const ObjectKey key = record.key();
    if (const ObjectRecord* old = objects.find(key)) index(edit, *old, false);
    objects.put(edit, key, record);
    index(edit, record, true);
}

void State::erase(Edit edit, const ObjectKey& key) {
    const ObjectRecord* old = objects.find(key);
    if (!old) return;
    index(edit, *old, false);
    objects.erase(edit, key);
}

void State::count_delivery(Edit edit, const DeliveryRecord& record, bool is_present) {
    const DeliveryCounts* found = delivery_counts.find(record.object);
    DeliveryCounts counts = found ? *found : DeliveryCounts{};
    std::uint64_t& count = counts.at(static_cast<std::size_t>(record.status));
    count = is_present ? count + 1 : count - 1;
    if (counts == DeliveryCounts{}) {
        delivery_counts.erase(edit, record.object);
    } else {
        delivery_counts.put(edit, record.object, counts);
    }
    record_bytes += is_present ? size_of(record) : -size_of(record);
}

void State::put(Edit edit, const DeliveryRecord& record) {
    const std::pair key{record.object, record.node};
    if (const DeliveryRecord* old = deliveries.find(key)) count_delivery(edit, *old, false);
    deliveries.put(edit, key, record);
    node_objects.put(edit, {record.node, record.object}, {});
    count_delivery(edit, record, true);
}

void State::erase_delivery(Edit edit, const ObjectKey& object, const NodeKey& node) {
    const std::pair key{object, node};
    const DeliveryRecord* old = deliveries.find(key);
    if (!old) return;
    count_delivery(edit, *old, false);
    node_objects.erase(edit, {key.second, key.first});
    deliveries.erase(edit, key);
}

void State::index(Edit edit, const NotificationRecord& record, bool is_present) {
    const NotificationList list = list_of(record.status);
    if (list == NotificationList::Pending) {
        if (is_present) {
            pending.put(edit, {record.peer, record.sequence}, record.object);
        } else {
            pending.erase(edit, {record.peer, record.sequence});
        }
    }
    if (list == NotificationList::Due) mark(due, edit, {record.resend_at, record.object, record.peer}, is_present);
    if (list == NotificationList::Transfer) mark(transfers, edit, {record.object, record.peer}, is_present);
    mark(peer_notifications, edit, {record.peer, record.object}, is_present);
    record_bytes += is_present ? size_of(record) : -size_of(record);
}

void State::put(Edit edit, const NotificationRecord& record) {
    const std::pair key{record.object, record.peer};
    if (const NotificationRecord* old = notifications.find(key)) index(edit, *old, false);
    NotificationRecord stored = record;
    stored.sequence = ++last_sequence;
    index(edit, stored, true);
    notifications.put(edit, key, std::move(stored));
}

void State::erase_notification(Edit edit, const ObjectKey& object, const NodeKey& peer) {
    const std::pair key{object, peer};
    const NotificationRecord* old = notifications.find(key);
    if (!old) return;
    index(edit, *old, false);
    notifications.erase(edit, key);
}

void State::put(Edit edit, const DestinationRecord& record) {
    erase(edit, record.node);
    destinations.put(edit, record.node, record);
    pings.put(edit, {record.last_ping, record.node}, {});
    record_bytes += size_of(record);
}

void State::erase(Edit edit, const NodeKey& node) {
    const DestinationRecord* old = destinations.find(node);
    if (!old) return;
    record_bytes -= size_of(*old);
    pings.erase(edit, {old->last_ping, old->node});
    destinations.erase(edit, node);
}

void State::put(Edit edit, const BlobEntry& entry) {
    erase(edit, entry.record.id);
    blobs.put(edit, entry.record.id, entry);
    if (entry.record.state == BlobState::Staged) staged.put(edit, {entry.record.created, entry.record.id}, {});
    record_bytes += size_of(entry);
}

void State::erase(Edit edit, const BlobId& id) {
    const BlobEntry* old = blobs.find(id);
    if (!old) return;
    record_bytes -= size_of(*old);
    staged.erase(edit, {old->record.created, id});
    blobs.erase(edit, id);
}

void State::put(Edit edit, EntryTable table, const std::vector<std::string>& key, const std::string& value) {
    erase(edit, table, key);
    record_bytes += size_of(key, value);
    entries.put(edit, {table, key}, value);
}

void State::erase(Edit edit, EntryTable table, const std::vector<std::string>& key) {
    const std::pair full{table, key};
    const std::string* old = entries.find(full);
    if (!old) return;
    record_bytes -= size_of(key, *old);
    entries.erase(edit, full);
}

void State::put(Edit edit, const WorkItem& item) {
    erase_work(edit, item.id);
    work.put(edit, item.id, item);
    work_times.put(edit, {item.not_before, item.id}, {});
    record_bytes += size_of(item);
}

void State::erase_work(Edit edit, std::uint64_t id) {
    const WorkItem* old = work.find(id);
    if (!old) return;
    record_bytes -= size_of(*old);
    work_times.erase(edit, {old->not_before, id});
    work.erase(edit, id);
}

}  // namespace edgesync::memory
