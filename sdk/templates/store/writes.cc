#include "writes.h"

#include <edgesync/sdk/error.h>

#include <algorithm>

namespace plugin_name_store {

using namespace edgesync;

namespace {

template <typename Record>
void erase_range(Table<Record>& table, const std::string& prefix) {
    table.erase(table.lower_bound(prefix), table.lower_bound(end_of_prefix(prefix)));
}

}  // namespace

void Writes::put_object(const ObjectRecord& record) { copy_.objects[object_key(record.key())] = record; }
void Writes::erase_object(const ObjectKey& key) { copy_.objects.erase(object_key(key)); }

void Writes::put_delivery(const DeliveryRecord& record) { copy_.deliveries[pair_key(record.object, record.node)] = record; }
void Writes::erase_delivery(const ObjectKey& object, const NodeKey& node) { copy_.deliveries.erase(pair_key(object, node)); }
void Writes::erase_deliveries(const ObjectKey& object) { erase_range(copy_.deliveries, object_key(object)); }

void Writes::put_notification(const NotificationRecord& record) {
    NotificationRecord& stored = copy_.notifications[pair_key(record.object, record.peer)];
    stored = record;
    stored.sequence = ++copy_.last_sequence;
}
void Writes::erase_notification(const ObjectKey& object, const NodeKey& peer) { copy_.notifications.erase(pair_key(object, peer)); }
void Writes::erase_notifications_of_object(const ObjectKey& object) { erase_range(copy_.notifications, object_key(object)); }
void Writes::erase_notifications_of_peer(const NodeKey& peer) {
    std::erase_if(copy_.notifications, [&](const auto& row) { return row.second.peer == peer; });
}

void Writes::put_destination(const DestinationRecord& record) { copy_.destinations[node_key(record.node)] = record; }
void Writes::erase_destination(const NodeKey& node) { copy_.destinations.erase(node_key(node)); }

void Writes::put_blob(const BlobRecord& record) {
    Blob& blob = copy_.blobs[blob_key(record.id)];
    blob.record = record;
    if (record.state != BlobState::Published || blob.octets) return;
    blob.octets = blobs_.staged(record.id);
    no_longer_staged_.push_back(record.id);
}

void Writes::put_small_data(const BlobRecord& record, std::span<const std::byte> octets) {
    auto stored = std::make_shared<Octets>();
    stored->write(0, octets);
    copy_.blobs[blob_key(record.id)] = {record, std::move(stored)};
}

void Writes::erase_blob(const BlobId& id) {
    copy_.blobs.erase(blob_key(id));
    no_longer_staged_.push_back(id);
}

void Writes::put_entry(EntryTable table, const std::vector<std::string>& key, const std::string& value) {
    if (key.empty() || key.size() > 6) throw Error(ErrorKind::InvalidRequest, "the key of an entry has one to six parts");
    copy_.entries[entry_key(table, key)] = {key, value};
}
void Writes::erase_entry(EntryTable table, const std::vector<std::string>& key) { copy_.entries.erase(entry_key(table, key)); }

InstanceId Writes::next_instance_id(TimePoint now, InstanceId floor) {
    const auto clock = static_cast<InstanceId>(now.time_since_epoch().count());
    return copy_.last_instance_id = std::max({clock, copy_.last_instance_id + 1, floor + 1});
}

std::uint64_t Writes::enqueue_work(const std::string& kind, const std::string& payload, TimePoint not_before) {
    const std::uint64_t id = ++copy_.last_work;
    copy_.work[Key().sequence(id).str()] = {id, kind, payload, not_before, 0};
    return id;
}

std::vector<WorkItem> Writes::claim_work(TimePoint now, std::chrono::seconds lease, std::size_t limit) {
    std::vector<WorkItem> due;
    for (const auto& [key, item] : copy_.work) {
        if (item.not_before <= now) due.push_back(item);
    }
    std::sort(due.begin(), due.end(),
              [](const auto& a, const auto& b) { return std::pair(a.not_before, a.id) < std::pair(b.not_before, b.id); });
    if (due.size() > limit) due.resize(limit);
    for (auto& item : due) {
        ++item.attempts;
        WorkItem& stored = copy_.work[Key().sequence(item.id).str()];
        stored = item;
        stored.not_before = now + lease;
    }
    return due;
}

void Writes::complete_work(std::uint64_t id) { copy_.work.erase(Key().sequence(id).str()); }

void Writes::reschedule_work(std::uint64_t id, TimePoint not_before, const std::string& payload) {
    const auto found = copy_.work.find(Key().sequence(id).str());
    if (found == copy_.work.end()) return;
    found->second.not_before = not_before;
    found->second.payload = payload;
}

}  // namespace plugin_name_store
