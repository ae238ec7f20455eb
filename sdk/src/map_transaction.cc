#include "edgesync/sdk/map_transaction.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <map>

#include "edgesync/sdk/codec.h"
#include "edgesync/sdk/store_lists.h"
#include "map_places.h"

namespace edgesync {

using namespace map;

namespace {

constexpr std::size_t kPage = 500;

/// Of an org's records, of those of a type, or of all.
std::string prefix_of(Table table, const std::string& org, const std::string& type) {
    Key key = in(table);
    if (!org.empty()) key.text(org);
    if (!org.empty() && !type.empty()) key.text(type);
    return key.str();
}

/// What a list that is ordered by time holds up to and with `now`.
std::string end_at(Table table, TimePoint now) { return end_of_prefix(in(table).time(now).str()); }
std::string begin_of(Table table) { return in(table).str(); }

void check_limit(std::size_t limit) {
    if (limit < 1 || limit > 10000) throw Error(ErrorKind::InvalidRequest, "A list's limit must be 1..10000");
}

Entry entry_in(std::string_view octets) {
    auto [key, value] = texts_in(octets.substr(1), static_cast<std::size_t>(octets.at(0)));
    return {std::move(key), std::string(value)};
}

class MemoryReader : public BlobReader {
public:
    explicit MemoryReader(std::string octets) : octets_(std::move(octets)) {}
    std::int64_t size() const override { return static_cast<std::int64_t>(octets_.size()); }
    std::size_t read(std::int64_t offset, std::span<std::byte> out) override {
        if (offset < 0 || offset >= size()) return 0;
        return octets_.copy(reinterpret_cast<char*>(out.data()), out.size(), static_cast<std::size_t>(offset));
    }

private:
    const std::string octets_;
};

}  // namespace

template <typename Record>
std::optional<Record> MapTransaction::record_at(const std::string& key, Record (*decode)(std::string_view)) {
    const auto octets = map_.get(key);
    return octets ? std::optional(decode(*octets)) : std::nullopt;
}

template <typename Make>
auto MapTransaction::page(const std::string& prefix, const std::string& cursor, std::size_t limit, Make make) {
    check_limit(limit);
    // The key that follows the cursor's directly is that with a zero behind it.
    auto rows = map_.range(cursor.empty() ? prefix : cursor + '\0', end_of_prefix(prefix), limit + 1);
    Page<decltype(make(std::string(), std::string()))> page;
    if (rows.size() > limit) {
        rows.pop_back();
        page.next = rows.back().first;
    }
    page.items.reserve(rows.size());
    for (const auto& [key, value] : rows) page.items.push_back(make(key, value));
    return page;
}

template <typename Make>
auto MapTransaction::list(const std::string& begin, const std::string& end, std::size_t limit, Make make) {
    check_limit(limit);
    std::vector<decltype(make(std::string()))> items;
    if (begin >= end) return items;
    for (const auto& [key, value] : map_.range(begin, end, limit)) items.push_back(make(value));
    return items;
}

void MapTransaction::replace(const std::string& key, const std::optional<std::string>& record, const Places& before, const Places& after) {
    const auto has = [](const Places& places, const auto& row) {
        return std::find(places.rows.begin(), places.rows.end(), row) != places.rows.end();
    };
    for (const auto& row : before.rows)
        if (!has(after, row)) map_.erase(row.first);
    for (const auto& row : after.rows)
        if (!has(before, row)) map_.put(row.first, row.second);
    if (before.counters != after.counters) {
        for (const auto& counter : before.counters) {
            const std::uint64_t left = number_at(counter) - 1;
            left == 0 ? map_.erase(counter) : map_.put(counter, Key().sequence(left).str());
        }
        for (const auto& counter : after.counters) map_.put(counter, Key().sequence(number_at(counter) + 1).str());
    }
    record ? map_.put(key, *record) : map_.erase(key);
}

std::uint64_t MapTransaction::number_at(const std::string& key) { return sequence_of(map_.get(key).value_or("")); }

std::uint64_t MapTransaction::next_of(const std::string& name) {
    const std::uint64_t next = number_at(counter_place(name)) + 1;
    map_.put(counter_place(name), Key().sequence(next).str());
    return next;
}

void MapTransaction::erase_all(const std::string& prefix, const std::function<void(const std::string&, const std::string&)>& erase_one) {
    for (;;) {
        const auto rows = map_.range(prefix, end_of_prefix(prefix), kPage);
        for (const auto& [key, value] : rows) erase_one(key, value);
        if (rows.size() < kPage) return;
    }
}

// Objects

std::optional<ObjectRecord> MapTransaction::object(const ObjectKey& key) { return record_at(place(key), codec::decode_object); }

Page<ObjectRecord> MapTransaction::objects(const std::string& org, const std::string& type, const std::string& cursor, std::size_t limit) {
    return page(prefix_of(Table::Object, org, type), cursor, limit,
                [](const std::string&, const std::string& record) { return codec::decode_object(record); });
}

Page<ObjectRecord> MapTransaction::updated_objects(const std::string& org, const std::string& type, bool include_received,
                                                   const std::string& cursor, std::size_t limit) {
    const auto prefix = in(include_received ? Table::Known : Table::News).text(org).text(type).str();
    return page(prefix, cursor, limit,
                [this](const std::string&, const std::string& name) { return object(name_in<ObjectKey>(name)).value(); });
}

// An object may stand under several addresses, so limit + 1 of each are merged: the first limit + 1 of all are among them.
Page<ObjectRecord> MapTransaction::objects_addressed_to(const NodeKey& node, const std::string& cursor, std::size_t limit) {
    check_limit(limit);
    std::map<std::string, std::string> names;  // By their order in a page.
    for (const NodeKey& address : addresses_reaching(node)) {
        const std::string prefix = in(Table::Addressed).node(address).str();
        const std::string begin = cursor.empty() ? prefix : prefix + cursor + '\0';
        for (auto& [key, name] : map_.range(begin, end_of_prefix(prefix), limit + 1)) names[key.substr(prefix.size())] = std::move(name);
    }
    Page<ObjectRecord> page;
    std::string last;
    for (const auto& [place_in_page, name] : names) {
        if (page.items.size() == limit) {
            page.next = last;
            break;
        }
        page.items.push_back(object(name_in<ObjectKey>(name)).value());
        last = place_in_page;
    }
    return page;
}

std::vector<ObjectKey> MapTransaction::expired_objects(TimePoint now, std::size_t limit) {
    return list(begin_of(Table::Expiring), end_at(Table::Expiring, now), limit, name_in<ObjectKey>);
}

std::vector<ObjectKey> MapTransaction::objects_to_activate(TimePoint now, std::size_t limit) {
    return list(begin_of(Table::Activating), end_at(Table::Activating, now), limit, name_in<ObjectKey>);
}

std::vector<ObjectKey> MapTransaction::consumed_objects(std::size_t limit) {
    return list(begin_of(Table::Consumed), end_of_prefix(begin_of(Table::Consumed)), limit, name_in<ObjectKey>);
}

std::uint64_t MapTransaction::count_consumed_objects() { return number_at(counter_place("consumed")); }
std::uint64_t MapTransaction::count_own_objects() { return number_at(counter_place("own")); }

void MapTransaction::put_object(const ObjectRecord& record) {
    replace(place(record.key()), codec::encode(record), places_of(object(record.key())), places_of(record));
}

void MapTransaction::erase_object(const ObjectKey& key) {
    if (const auto found = object(key)) replace(place(key), std::nullopt, places_of(found), {});
}

// Destinations of an object

std::optional<DeliveryRecord> MapTransaction::delivery(const ObjectKey& object, const NodeKey& node) {
    return record_at(place(Table::Delivery, object, node), codec::decode_delivery);
}

Page<DeliveryRecord> MapTransaction::deliveries(const ObjectKey& object, const std::string& cursor, std::size_t limit) {
    return page(in(Table::Delivery).object(object).str(), cursor, limit,
                [](const std::string&, const std::string& record) { return codec::decode_delivery(record); });
}

DeliveryCounts MapTransaction::delivery_counts(const ObjectKey& object) {
    DeliveryCounts counts{};
    const std::string prefix = in(Table::DeliveryCount).object(object).str();
    for (const auto& [key, value] : map_.range(prefix, end_of_prefix(prefix), counts.size()))
        counts.at(static_cast<std::size_t>(key.back())) = sequence_of(value);
    return counts;
}

Page<ObjectKey> MapTransaction::objects_of_node(const NodeKey& node, const std::string& cursor, std::size_t limit) {
    return page(in(Table::ObjectOfNode).node(node).str(), cursor, limit,
                [](const std::string&, const std::string& name) { return name_in<ObjectKey>(name); });
}

void MapTransaction::put_delivery(const DeliveryRecord& record) {
    replace(place(Table::Delivery, record.object, record.node), codec::encode(record), places_of(delivery(record.object, record.node)),
            places_of(record));
}

void MapTransaction::erase_delivery_at(const std::string& key) {
    if (const auto found = record_at(key, codec::decode_delivery)) replace(key, std::nullopt, places_of(found), {});
}

void MapTransaction::erase_delivery(const ObjectKey& object, const NodeKey& node) {
    erase_delivery_at(place(Table::Delivery, object, node));
}

void MapTransaction::erase_deliveries(const ObjectKey& object) {
    erase_all(in(Table::Delivery).object(object).str(), [this](const std::string& key, const std::string&) { erase_delivery_at(key); });
}

// Notifications

std::optional<NotificationRecord> MapTransaction::notification(const ObjectKey& object, const NodeKey& peer) {
    return record_at(place(Table::Notification, object, peer), codec::decode_notification);
}

Page<NotificationRecord> MapTransaction::notifications_of_object(const ObjectKey& object, const std::string& cursor, std::size_t limit) {
    return page(in(Table::Notification).object(object).str(), cursor, limit,
                [](const std::string&, const std::string& record) { return codec::decode_notification(record); });
}

Page<NotificationRecord> MapTransaction::notifications_of_peer(const NodeKey& peer, const std::string& cursor, std::size_t limit) {
    return page(in(Table::NotificationOfPeer).node(peer).str(), cursor, limit,
                [this](const std::string&, const std::string& key) { return record_at(key, codec::decode_notification).value(); });
}

std::vector<NotificationRecord> MapTransaction::pending_notifications(const NodeKey& peer, std::uint64_t after, std::size_t limit) {
    const Key prefix = in(Table::Pending).node(peer);
    return list(Key(prefix).sequence(after).str() + '\0', end_of_prefix(prefix.str()), limit,
                [this](const std::string& key) { return record_at(key, codec::decode_notification).value(); });
}

std::vector<NotificationRecord> MapTransaction::due_notifications(TimePoint now, std::size_t limit) {
    return list(begin_of(Table::Due), end_at(Table::Due, now), limit,
                [this](const std::string& key) { return record_at(key, codec::decode_notification).value(); });
}

Page<NotificationRecord> MapTransaction::transfers(const std::string& cursor, std::size_t limit) {
    return page(begin_of(Table::Transfer), cursor, limit,
                [this](const std::string&, const std::string& key) { return record_at(key, codec::decode_notification).value(); });
}

void MapTransaction::put_notification(const NotificationRecord& record) {
    NotificationRecord numbered = record;
    numbered.sequence = next_of("sequence");
    replace(place(Table::Notification, record.object, record.peer), codec::encode(numbered),
            places_of(notification(record.object, record.peer)), places_of(numbered));
}

void MapTransaction::erase_notification_at(const std::string& key) {
    if (const auto found = record_at(key, codec::decode_notification)) replace(key, std::nullopt, places_of(found), {});
}

void MapTransaction::erase_notification(const ObjectKey& object, const NodeKey& peer) {
    erase_notification_at(place(Table::Notification, object, peer));
}

void MapTransaction::erase_notifications_of_object(const ObjectKey& object) {
    erase_all(in(Table::Notification).object(object).str(),
              [this](const std::string& key, const std::string&) { erase_notification_at(key); });
}

void MapTransaction::erase_notifications_of_peer(const NodeKey& peer) {
    erase_all(in(Table::NotificationOfPeer).node(peer).str(),
              [this](const std::string&, const std::string& key) { erase_notification_at(key); });
}

// Nodes

std::optional<DestinationRecord> MapTransaction::destination(const NodeKey& node) {
    return record_at(place(node), codec::decode_destination);
}

Page<DestinationRecord> MapTransaction::destinations(const std::string& org, const std::string& type, const std::string& cursor,
                                                     std::size_t limit) {
    return page(prefix_of(Table::Destination, org, type), cursor, limit,
                [](const std::string&, const std::string& record) { return codec::decode_destination(record); });
}

std::vector<NodeKey> MapTransaction::inactive_destinations(TimePoint before, std::size_t limit) {
    return list(begin_of(Table::Ping), in(Table::Ping).time(before).str(), limit, name_in<NodeKey>);
}

std::uint64_t MapTransaction::count_destinations() { return number_at(counter_place("destinations")); }

void MapTransaction::put_destination(const DestinationRecord& record) {
    replace(place(record.node), codec::encode(record), places_of(destination(record.node)), places_of(record));
}

void MapTransaction::erase_destination(const NodeKey& node) {
    if (const auto found = destination(node)) replace(place(node), std::nullopt, places_of(found), {});
}

// Blobs

std::optional<BlobRecord> MapTransaction::blob(const BlobId& id) { return record_at(place(id), codec::decode_blob); }

std::unique_ptr<BlobReader> MapTransaction::open_blob(const BlobId& id) {
    const auto found = blob(id);
    if (!found) return nullptr;
    if (auto small = map_.get(place_of_small_data(id))) return std::make_unique<MemoryReader>(std::move(*small));
    return open_large_(id, found->state == BlobState::Published ? found->total : -1);
}

std::vector<BlobId> MapTransaction::staged_blobs(TimePoint before, std::size_t limit) {
    return list(begin_of(Table::Staged), in(Table::Staged).time(before).str(), limit, blob_of);
}

void MapTransaction::put_blob(const BlobRecord& record) {
    replace(place(record.id), codec::encode(record), places_of(blob(record.id)), places_of(record));
}

void MapTransaction::put_small_data(const BlobRecord& record, std::span<const std::byte> octets) {
    if (static_cast<std::int64_t>(octets.size()) > inline_limit_)
        throw Error(ErrorKind::InvalidRequest,
                    std::to_string(octets.size()) + " octets exceed the inline limit of " + std::to_string(inline_limit_));
    put_blob(record);
    map_.put(place_of_small_data(record.id), std::string(reinterpret_cast<const char*>(octets.data()), octets.size()));
}

void MapTransaction::erase_blob(const BlobId& id) {
    if (const auto found = blob(id)) replace(place(id), std::nullopt, places_of(found), {});
    map_.erase(place_of_small_data(id));
    erased_blobs_.push_back(id);
}

// Small entities

std::optional<std::string> MapTransaction::entry(EntryTable table, const std::vector<std::string>& key) {
    const auto found = map_.get(place(table, key));
    return found ? std::optional(entry_in(*found).value) : std::nullopt;
}

Page<Entry> MapTransaction::entries(EntryTable table, const std::vector<std::string>& prefix, const std::string& cursor,
                                    std::size_t limit) {
    return page(place(table, prefix), cursor, limit, [](const std::string&, const std::string& octets) { return entry_in(octets); });
}

void MapTransaction::put_entry(EntryTable table, const std::vector<std::string>& key, const std::string& value) {
    if (key.empty() || key.size() > 6) throw Error(ErrorKind::InvalidRequest, "The key of an entry has one to six parts");
    map_.put(place(table, key), Key().octet(static_cast<std::uint8_t>(key.size())).raw(texts_of(key)).raw(value).str());
}

void MapTransaction::erase_entry(EntryTable table, const std::vector<std::string>& key) { map_.erase(place(table, key)); }

InstanceId MapTransaction::next_instance_id(TimePoint now, InstanceId floor) {
    const std::string key = counter_place("instance");
    const auto last = static_cast<InstanceId>(number_at(key));
    if (std::max(last, floor) == std::numeric_limits<InstanceId>::max())
        throw Error(ErrorKind::InvalidRequest, "There is no instance id above the largest");
    const InstanceId next = std::max<InstanceId>({now.time_since_epoch().count(), last + 1, floor + 1});
    map_.put(key, Key().sequence(static_cast<std::uint64_t>(next)).str());
    return next;
}

// Work

std::uint64_t MapTransaction::count_work() { return number_at(counter_place("work")); }

std::optional<TimePoint> MapTransaction::next_work() {
    const auto first = map_.range(begin_of(Table::WorkTime), end_of_prefix(begin_of(Table::WorkTime)), 1);
    return first.empty() ? std::nullopt : std::optional(record_at(first[0].second, codec::decode_work).value().not_before);
}

void MapTransaction::put_work(const std::optional<WorkItem>& before, const WorkItem& item) {
    replace(place_of_work(item.id), codec::encode(item), places_of(before), places_of(item));
}

std::uint64_t MapTransaction::enqueue_work(const std::string& kind, const std::string& payload, TimePoint not_before) {
    const std::uint64_t id = next_of("work id");
    put_work(std::nullopt, {id, kind, payload, not_before, 0});
    return id;
}

std::vector<WorkItem> MapTransaction::claim_work(TimePoint now, std::chrono::seconds lease, std::size_t limit) {
    auto items = list(begin_of(Table::WorkTime), end_at(Table::WorkTime, now), limit,
                      [this](const std::string& key) { return record_at(key, codec::decode_work).value(); });
    for (WorkItem& item : items) {
        WorkItem moved = item;
        moved.attempts = ++item.attempts;
        moved.not_before = now + lease;
        put_work(item, moved);
    }
    return items;
}

void MapTransaction::complete_work(std::uint64_t id) {
    if (const auto found = record_at(place_of_work(id), codec::decode_work)) replace(place_of_work(id), std::nullopt, places_of(found), {});
}

void MapTransaction::reschedule_work(std::uint64_t id, TimePoint not_before, const std::string& payload) {
    const auto found = record_at(place_of_work(id), codec::decode_work);
    if (!found) return;
    WorkItem moved = *found;
    moved.not_before = not_before;
    moved.payload = payload;
    put_work(found, moved);
}

}  // namespace edgesync
