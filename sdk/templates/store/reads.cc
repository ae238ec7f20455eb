#include "reads.h"

#include <edgesync/sdk/error.h>

#include <algorithm>

namespace plugin_name_store {
namespace {

using namespace edgesync;

constexpr auto kAsItIs = [](const auto& record) { return record; };

void check_limit(std::size_t limit) {
    if (limit == 0 || limit > 10000) throw Error(ErrorKind::InvalidRequest, "the limit of a list must be 1..10000");
}

/// The records behind `cursor` whose keys begin with `prefix`, in the order of the keys: a range of the table.
template <typename Record>
edgesync::Page<Record> range(const Table<Record>& table, const std::string& prefix, const std::string& cursor, std::size_t limit) {
    check_limit(limit);
    edgesync::Page<Record> page;
    auto at = cursor.empty() ? table.lower_bound(prefix) : table.upper_bound(cursor);
    for (; at != table.end() && at->first.starts_with(prefix); ++at) {
        if (page.items.size() == limit) {
            page.next = std::prev(at)->first;
            break;
        }
        page.items.push_back(at->second);
    }
    return page;
}

/// The records that have a place in a list, in its order: `place_of` gives it, or nothing. `make` makes the items.
/// FILL IN: an index. It has the place as key and leads to the record; a put or an erase of the record changes it, too.
template <typename Record, typename PlaceOf, typename Make>
auto list(const Table<Record>& table, const std::string& cursor, std::size_t limit, PlaceOf place_of, Make make) {
    check_limit(limit);
    std::map<std::string, const Record*> places;
    for (const auto& [key, record] : table) {
        if (const std::optional<std::string> place = place_of(record)) places.emplace(*place, &record);
    }
    edgesync::Page<std::decay_t<decltype(make(table.begin()->second))>> page;
    for (auto at = places.upper_bound(cursor); at != places.end(); ++at) {
        if (page.items.size() == limit) {
            page.next = std::prev(at)->first;
            break;
        }
        page.items.push_back(make(*at->second));
    }
    return page;
}

/// The place in a list by time, if the time is there and not behind `end`.
std::optional<std::string> time_place(const std::optional<TimePoint>& time, TimePoint end, const std::string& rest) {
    return time && *time <= end ? std::optional(Key().time(*time).raw(rest).str()) : std::nullopt;
}

template <typename Record>
std::optional<Record> found(const Table<Record>& table, const std::string& key) {
    const auto place = table.find(key);
    return place == table.end() ? std::nullopt : std::optional(place->second);
}

std::string prefix_of(const std::string& org, const std::string& type) {
    if (org.empty()) return {};
    return type.empty() ? Key().text(org).str() : Key().text(org).text(type).str();
}

bool addresses(const Metadata& meta, const NodeKey& node) {
    if (meta.org != node.org) return false;
    if (!meta.destinations_list || meta.destinations_list->empty()) {
        return meta.destination_type.empty() ||
               (meta.destination_type == node.type && (meta.destination_id.empty() || meta.destination_id == node.id));
    }
    return std::count(meta.destinations_list->begin(), meta.destinations_list->end(), node.type + ":" + node.id) > 0;
}

bool is_one_of(NotificationStatus status, std::initializer_list<NotificationStatus> all) {
    return std::find(all.begin(), all.end(), status) != all.end();
}

bool is_own(ObjectStatus status) {
    return status == ObjectStatus::NotReady || status == ObjectStatus::Ready || status == ObjectStatus::Verifying ||
           status == ObjectStatus::VerificationFailed;
}

constexpr auto kKeyOfObject = [](const ObjectRecord& record) { return record.key(); };
constexpr TimePoint just_before(TimePoint time) { return time - TimePoint::duration(1); }

}  // namespace

// Objects

template <typename Base>
std::optional<ObjectRecord> Reads<Base>::object(const ObjectKey& key) {
    return found(state_.objects, object_key(key));
}

template <typename Base>
edgesync::Page<ObjectRecord> Reads<Base>::objects(const std::string& org, const std::string& type, Cursor cursor, std::size_t limit) {
    return range(state_.objects, prefix_of(org, type), cursor, limit);
}

template <typename Base>
edgesync::Page<ObjectRecord> Reads<Base>::updated_objects(const std::string& org, const std::string& type, bool include_received,
                                                          Cursor cursor, std::size_t limit) {
    const auto place = [&](const ObjectRecord& record) -> std::optional<std::string> {
        const bool is_new = record.status == ObjectStatus::CompletelyReceived || record.status == ObjectStatus::ObjDeleted ||
                            (include_received && record.status == ObjectStatus::ObjReceived);
        if (record.side != Side::Receiver || !is_new || record.meta.org != org || record.meta.object_type != type) return std::nullopt;
        return Key().number(record.meta.instance_id).text(record.meta.object_id).str();
    };
    return list(state_.objects, cursor, limit, place, kAsItIs);
}

template <typename Base>
edgesync::Page<ObjectRecord> Reads<Base>::objects_addressed_to(const NodeKey& node, Cursor cursor, std::size_t limit) {
    const auto place = [&](const ObjectRecord& record) -> std::optional<std::string> {
        if (record.side != Side::Sender || record.meta.destination_policy || !addresses(record.meta, node)) return std::nullopt;
        return object_key(record.key());
    };
    return list(state_.objects, cursor, limit, place, kAsItIs);
}

template <typename Base>
std::vector<ObjectKey> Reads<Base>::expired_objects(TimePoint now, std::size_t limit) {
    const auto place = [&](const ObjectRecord& record) {
        return record.side == Side::Sender ? time_place(record.expires, now, object_key(record.key())) : std::nullopt;
    };
    return list(state_.objects, "", limit, place, kKeyOfObject).items;
}

template <typename Base>
std::vector<ObjectKey> Reads<Base>::objects_to_activate(TimePoint now, std::size_t limit) {
    const auto place = [&](const ObjectRecord& record) { return time_place(record.activates, now, object_key(record.key())); };
    return list(state_.objects, "", limit, place, kKeyOfObject).items;
}

template <typename Base>
std::vector<ObjectKey> Reads<Base>::consumed_objects(std::size_t limit) {
    const auto place = [&](const ObjectRecord& record) {
        return time_place(record.consumed_at, TimePoint::max(), object_key(record.key()));
    };
    return list(state_.objects, "", limit, place, kKeyOfObject).items;
}

// FILL IN: counters that every put and erase keeps.
template <typename Base>
std::uint64_t Reads<Base>::count_consumed_objects() {
    const auto is_consumed = [](const auto& row) { return row.second.consumed_at.has_value(); };
    return static_cast<std::uint64_t>(std::count_if(state_.objects.begin(), state_.objects.end(), is_consumed));
}

template <typename Base>
std::uint64_t Reads<Base>::count_own_objects() {
    const auto is_counted = [](const auto& row) { return is_own(row.second.status); };
    return static_cast<std::uint64_t>(std::count_if(state_.objects.begin(), state_.objects.end(), is_counted));
}

// Destinations of an object

template <typename Base>
std::optional<DeliveryRecord> Reads<Base>::delivery(const ObjectKey& object, const NodeKey& node) {
    return found(state_.deliveries, pair_key(object, node));
}

template <typename Base>
edgesync::Page<DeliveryRecord> Reads<Base>::deliveries(const ObjectKey& object, Cursor cursor, std::size_t limit) {
    return range(state_.deliveries, object_key(object), cursor, limit);
}

template <typename Base>
DeliveryCounts Reads<Base>::delivery_counts(const ObjectKey& object) {
    DeliveryCounts counts{};
    const std::string prefix = object_key(object);
    for (auto at = state_.deliveries.lower_bound(prefix); at != state_.deliveries.end() && at->first.starts_with(prefix); ++at) {
        ++counts.at(static_cast<std::size_t>(at->second.status));
    }
    return counts;
}

template <typename Base>
edgesync::Page<ObjectKey> Reads<Base>::objects_of_node(const NodeKey& node, Cursor cursor, std::size_t limit) {
    const auto place = [&](const DeliveryRecord& record) {
        return record.node == node ? std::optional(object_key(record.object)) : std::nullopt;
    };
    return list(state_.deliveries, cursor, limit, place, [](const DeliveryRecord& record) { return record.object; });
}

// Notifications

template <typename Base>
std::optional<NotificationRecord> Reads<Base>::notification(const ObjectKey& object, const NodeKey& peer) {
    return found(state_.notifications, pair_key(object, peer));
}

template <typename Base>
edgesync::Page<NotificationRecord> Reads<Base>::notifications_of_object(const ObjectKey& object, Cursor cursor, std::size_t limit) {
    return range(state_.notifications, object_key(object), cursor, limit);
}

template <typename Base>
edgesync::Page<NotificationRecord> Reads<Base>::notifications_of_peer(const NodeKey& peer, Cursor cursor, std::size_t limit) {
    const auto place = [&](const NotificationRecord& record) {
        return record.peer == peer ? std::optional(object_key(record.object)) : std::nullopt;
    };
    return list(state_.notifications, cursor, limit, place, kAsItIs);
}

template <typename Base>
std::vector<NotificationRecord> Reads<Base>::pending_notifications(const NodeKey& peer, std::uint64_t after, std::size_t limit) {
    using enum NotificationStatus;
    const auto place = [&](const NotificationRecord& record) -> std::optional<std::string> {
        const bool is_pending = is_one_of(record.status, {UpdatePending, ReceivedPending, ConsumedPending, DeletePending, DeletedPending});
        if (record.peer != peer || !is_pending) return std::nullopt;
        return Key().sequence(record.sequence).str();
    };
    return list(state_.notifications, after == 0 ? "" : Key().sequence(after).str(), limit, place, kAsItIs).items;
}

template <typename Base>
std::vector<NotificationRecord> Reads<Base>::due_notifications(TimePoint now, std::size_t limit) {
    using enum NotificationStatus;
    const auto place = [&](const NotificationRecord& record) -> std::optional<std::string> {
        if (!is_one_of(record.status, {Update, Consumed, Delete, Deleted, Received, Error})) return std::nullopt;
        return time_place(record.resend_at, now, pair_key(record.object, record.peer));
    };
    return list(state_.notifications, "", limit, place, kAsItIs).items;
}

template <typename Base>
edgesync::Page<NotificationRecord> Reads<Base>::transfers(Cursor cursor, std::size_t limit) {
    using enum NotificationStatus;
    const auto place = [&](const NotificationRecord& record) -> std::optional<std::string> {
        if (!is_one_of(record.status, {HandleUpdate, GetData})) return std::nullopt;
        return pair_key(record.object, record.peer);
    };
    return list(state_.notifications, cursor, limit, place, kAsItIs);
}

// Nodes

template <typename Base>
std::optional<DestinationRecord> Reads<Base>::destination(const NodeKey& node) {
    return found(state_.destinations, node_key(node));
}

template <typename Base>
edgesync::Page<DestinationRecord> Reads<Base>::destinations(const std::string& org, const std::string& type, Cursor cursor,
                                                            std::size_t limit) {
    return range(state_.destinations, prefix_of(org, type), cursor, limit);
}

template <typename Base>
std::vector<NodeKey> Reads<Base>::inactive_destinations(TimePoint before, std::size_t limit) {
    const auto place = [&](const DestinationRecord& record) {
        return time_place(record.last_ping, just_before(before), node_key(record.node));
    };
    return list(state_.destinations, "", limit, place, [](const DestinationRecord& record) { return record.node; }).items;
}

template <typename Base>
std::uint64_t Reads<Base>::count_destinations() {
    return state_.destinations.size();
}

// Blobs

template <typename Base>
std::optional<BlobRecord> Reads<Base>::blob(const BlobId& id) {
    const auto blob = found(state_.blobs, blob_key(id));
    return blob ? std::optional(blob->record) : std::nullopt;
}

template <typename Base>
std::unique_ptr<BlobReader> Reads<Base>::open_blob(const BlobId& id) {
    const auto blob = found(state_.blobs, blob_key(id));
    if (!blob) return nullptr;
    auto octets = blob->octets ? blob->octets : blobs_.staged(id);
    if (!octets) return nullptr;
    return make_reader(std::move(octets), blob->record.state == BlobState::Published ? blob->record.total : -1);
}

template <typename Base>
std::vector<BlobId> Reads<Base>::staged_blobs(TimePoint before, std::size_t limit) {
    const auto place = [&](const Blob& blob) {
        return blob.record.state == BlobState::Staged ? time_place(blob.record.created, just_before(before), blob_key(blob.record.id))
                                                      : std::nullopt;
    };
    return list(state_.blobs, "", limit, place, [](const Blob& blob) { return blob.record.id; }).items;
}

// Small entities

template <typename Base>
std::optional<std::string> Reads<Base>::entry(EntryTable table, const std::vector<std::string>& key) {
    const auto entry = found(state_.entries, entry_key(table, key));
    return entry ? std::optional(entry->value) : std::nullopt;
}

template <typename Base>
edgesync::Page<Entry> Reads<Base>::entries(EntryTable table, const std::vector<std::string>& prefix, Cursor cursor, std::size_t limit) {
    return range(state_.entries, entry_key(table, prefix), cursor, limit);
}

// Work

template <typename Base>
std::uint64_t Reads<Base>::count_work() {
    return state_.work.size();
}

template <typename Base>
std::optional<TimePoint> Reads<Base>::next_work() {
    std::optional<TimePoint> next;
    for (const auto& [key, item] : state_.work) next = next ? std::min(*next, item.not_before) : item.not_before;
    return next;
}

template class Reads<ReadTransaction>;
template class Reads<WriteTransaction>;

}  // namespace plugin_name_store
