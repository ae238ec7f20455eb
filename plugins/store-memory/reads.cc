#include "reads.h"

#include <algorithm>

#include "cursor.h"
#include "edgesync/sdk/store_lists.h"

namespace edgesync::memory {
namespace {

template <typename Value>
std::optional<Value> copy_of(const Value* found) {
    return found ? std::optional<Value>(*found) : std::nullopt;
}

/// Where a list goes on: at the first key >= `from`, or after the key that the cursor names.
template <typename Key>
struct Start {
    Key key;
    bool is_inclusive;
};

template <typename Key, typename FromParts>
Start<Key> start_of(const std::string& cursor, std::size_t parts, Key first, FromParts from_parts) {
    if (cursor.empty()) return {std::move(first), true};
    return {from_parts(decode_cursor(cursor, parts)), false};
}

/// Collects a page from `map`. `belongs(key)` ends the list; `item(key, value)` makes what is returned; `parts(key)` its cursor.
template <typename T, typename Map, typename Key, typename Belongs, typename Item, typename Parts>
Page<T> page_of(const Map& map, const Start<Key>& start, std::size_t limit, Belongs belongs, Item item, Parts parts) {
    check_limit(limit);
    Page<T> page;
    Key last{};
    map.visit_from(start.key, start.is_inclusive, [&](const auto& key, const auto& value) {
        if (!belongs(key)) return false;
        if (page.items.size() == limit) {
            page.next = encode_cursor(parts(last));
            return false;
        }
        page.items.push_back(item(key, value));
        last = key;
        return true;
    });
    return page;
}

/// Collects up to `limit` from the start of an index; `item` gives nullopt at the end.
template <typename T, typename Index, typename Key, typename Item>
std::vector<T> first_of(const Index& index, const Key& from, std::size_t limit, Item item) {
    check_limit(limit);
    std::vector<T> out;
    index.visit_from(from, true, [&](const auto& key, const auto& value) {
        std::optional<T> next = item(key, value);
        if (!next) return false;
        out.push_back(std::move(*next));
        return out.size() < limit;
    });
    return out;
}

template <typename Key>
std::vector<std::string> parts_of(const Key& key) {
    return {key.org, key.type, key.id};
}

template <typename Key>
Key key_from(const std::vector<std::string>& parts) {
    return {parts[0], parts[1], parts[2]};
}

template <typename First, typename Second>
std::vector<std::string> pair_parts(const std::pair<First, Second>& key) {
    return {key.first.org, key.first.type, key.first.id, key.second.org, key.second.type, key.second.id};
}

template <typename First, typename Second>
std::pair<First, Second> pair_from(const std::vector<std::string>& parts) {
    return {{parts[0], parts[1], parts[2]}, {parts[3], parts[4], parts[5]}};
}

const auto value_of = [](const auto&, const auto& value) { return value; };

}  // namespace

// Objects

template <typename Base>
std::optional<ObjectRecord> Reads<Base>::object(const ObjectKey& key) {
    return copy_of(seen_.objects.find(key));
}

template <typename Base>
Page<ObjectRecord> Reads<Base>::objects(const std::string& org, const std::string& type, const std::string& cursor, std::size_t limit) {
    const auto start = start_of(cursor, 3, ObjectKey{org, org.empty() ? "" : type, ""}, key_from<ObjectKey>);
    const auto belongs = [&](const ObjectKey& key) { return org.empty() || (key.org == org && (type.empty() || key.type == type)); };
    return page_of<ObjectRecord>(seen_.objects, start, limit, belongs, value_of, parts_of<ObjectKey>);
}

template <typename Base>
Page<ObjectRecord> Reads<Base>::updated_objects(const std::string& org, const std::string& type, bool include_received,
                                                const std::string& cursor, std::size_t limit) {
    const auto start = start_of(cursor, 2, UpdateKey{org, type, INT64_MIN, ""}, [&](const std::vector<std::string>& parts) {
        return UpdateKey{org, type, decode_number(parts[0]), parts[1]};
    });
    const auto belongs = [&](const UpdateKey& key) { return std::get<0>(key) == org && std::get<1>(key) == type; };
    const auto item = [&](const UpdateKey& key, Nothing) { return *seen_.objects.find({org, type, std::get<3>(key)}); };
    const auto parts = [](const UpdateKey& key) { return std::vector{std::to_string(std::get<2>(key)), std::get<3>(key)}; };
    return page_of<ObjectRecord>(include_received ? seen_.updated_and_received : seen_.updated, start, limit, belongs, item, parts);
}

// An object may stand in several of the places, so limit + 1 of each are merged: the first limit + 1 of the union are among them.
template <typename Base>
Page<ObjectRecord> Reads<Base>::objects_addressed_to(const NodeKey& node, const std::string& cursor, std::size_t limit) {
    check_limit(limit);
    const auto start = start_of(cursor, 3, ObjectKey{node.org, "", ""}, key_from<ObjectKey>);
    std::vector<ObjectKey> keys;
    for (const Address& address : addresses_reaching(node)) {
        std::size_t left = limit + 1;
        seen_.addressed.visit_from({address, start.key}, start.is_inclusive, [&](const auto& key, Nothing) {
            if (key.first != address) return false;
            keys.push_back(key.second);
            return --left > 0;
        });
    }
    std::sort(keys.begin(), keys.end());
    keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
    Page<ObjectRecord> page;
    if (keys.size() > limit) {
        keys.resize(limit);
        page.next = encode_cursor(parts_of(keys.back()));
    }
    for (const ObjectKey& key : keys) page.items.push_back(*seen_.objects.find(key));
    return page;
}

template <typename Base>
std::vector<ObjectKey> Reads<Base>::expired_objects(TimePoint now, std::size_t limit) {
    return first_of<ObjectKey>(seen_.expiring, std::pair{TimePoint::min(), ObjectKey{}}, limit,
                               [&](const auto& key, Nothing) { return key.first <= now ? std::optional(key.second) : std::nullopt; });
}

template <typename Base>
std::vector<ObjectKey> Reads<Base>::objects_to_activate(TimePoint now, std::size_t limit) {
    return first_of<ObjectKey>(seen_.activating, std::pair{TimePoint::min(), ObjectKey{}}, limit,
                               [&](const auto& key, Nothing) { return key.first <= now ? std::optional(key.second) : std::nullopt; });
}

template <typename Base>
std::vector<ObjectKey> Reads<Base>::consumed_objects(std::size_t limit) {
    return first_of<ObjectKey>(seen_.consumed, std::pair{TimePoint::min(), ObjectKey{}}, limit,
                               [](const auto& key, Nothing) { return std::optional(key.second); });
}

template <typename Base>
std::uint64_t Reads<Base>::count_consumed_objects() {
    return seen_.consumed.size();
}

template <typename Base>
std::uint64_t Reads<Base>::count_own_objects() {
    return seen_.own_objects;
}

// Destinations of an object

template <typename Base>
std::optional<DeliveryRecord> Reads<Base>::delivery(const ObjectKey& object, const NodeKey& node) {
    return copy_of(seen_.deliveries.find({object, node}));
}

template <typename Base>
Page<DeliveryRecord> Reads<Base>::deliveries(const ObjectKey& object, const std::string& cursor, std::size_t limit) {
    using Key = std::pair<ObjectKey, NodeKey>;
    const auto start = start_of(cursor, 6, Key{object, {}}, pair_from<ObjectKey, NodeKey>);
    const auto belongs = [&](const Key& key) { return key.first == object; };
    return page_of<DeliveryRecord>(seen_.deliveries, start, limit, belongs, value_of, pair_parts<ObjectKey, NodeKey>);
}

template <typename Base>
DeliveryCounts Reads<Base>::delivery_counts(const ObjectKey& object) {
    return copy_of(seen_.delivery_counts.find(object)).value_or(DeliveryCounts{});
}

template <typename Base>
Page<ObjectKey> Reads<Base>::objects_of_node(const NodeKey& node, const std::string& cursor, std::size_t limit) {
    using Key = std::pair<NodeKey, ObjectKey>;
    const auto start = start_of(cursor, 6, Key{node, {}}, pair_from<NodeKey, ObjectKey>);
    const auto belongs = [&](const Key& key) { return key.first == node; };
    const auto item = [](const Key& key, Nothing) { return key.second; };
    return page_of<ObjectKey>(seen_.node_objects, start, limit, belongs, item, pair_parts<NodeKey, ObjectKey>);
}

// Notifications

template <typename Base>
std::optional<NotificationRecord> Reads<Base>::notification(const ObjectKey& object, const NodeKey& peer) {
    return copy_of(seen_.notifications.find({object, peer}));
}

template <typename Base>
Page<NotificationRecord> Reads<Base>::notifications_of_object(const ObjectKey& object, const std::string& cursor, std::size_t limit) {
    using Key = std::pair<ObjectKey, NodeKey>;
    const auto start = start_of(cursor, 6, Key{object, {}}, pair_from<ObjectKey, NodeKey>);
    const auto belongs = [&](const Key& key) { return key.first == object; };
    return page_of<NotificationRecord>(seen_.notifications, start, limit, belongs, value_of, pair_parts<ObjectKey, NodeKey>);
}

template <typename Base>
Page<NotificationRecord> Reads<Base>::notifications_of_peer(const NodeKey& peer, const std::string& cursor, std::size_t limit) {
    using Key = std::pair<NodeKey, ObjectKey>;
    const auto start = start_of(cursor, 6, Key{peer, {}}, pair_from<NodeKey, ObjectKey>);
    const auto belongs = [&](const Key& key) { return key.first == peer; };
    const auto item = [&](const Key& key, Nothing) { return *seen_.notifications.find({key.second, peer}); };
    return page_of<NotificationRecord>(seen_.peer_notifications, start, limit, belongs, item, pair_parts<NodeKey, ObjectKey>);
}

template <typename Base>
std::vector<NotificationRecord> Reads<Base>::pending_notifications(const NodeKey& peer, std::uint64_t after, std::size_t limit) {
    if (after == UINT64_MAX) return {};
    return first_of<NotificationRecord>(seen_.pending, std::pair{peer, after + 1}, limit, [&](const auto& key, const ObjectKey& object) {
        return key.first == peer ? copy_of(seen_.notifications.find({object, peer})) : std::nullopt;
    });
}

template <typename Base>
std::vector<NotificationRecord> Reads<Base>::due_notifications(TimePoint now, std::size_t limit) {
    return first_of<NotificationRecord>(seen_.due, std::tuple{TimePoint::min(), ObjectKey{}, NodeKey{}}, limit,
                                        [&](const auto& key, Nothing) {
                                            const auto& [resend_at, object, peer] = key;
                                            return resend_at <= now ? copy_of(seen_.notifications.find({object, peer})) : std::nullopt;
                                        });
}

template <typename Base>
Page<NotificationRecord> Reads<Base>::transfers(const std::string& cursor, std::size_t limit) {
    using Key = std::pair<ObjectKey, NodeKey>;
    const auto start = start_of(cursor, 6, Key{}, pair_from<ObjectKey, NodeKey>);
    const auto belongs = [](const Key&) { return true; };
    const auto item = [&](const Key& key, Nothing) { return *seen_.notifications.find(key); };
    return page_of<NotificationRecord>(seen_.transfers, start, limit, belongs, item, pair_parts<ObjectKey, NodeKey>);
}

// Nodes

template <typename Base>
std::optional<DestinationRecord> Reads<Base>::destination(const NodeKey& node) {
    return copy_of(seen_.destinations.find(node));
}

template <typename Base>
Page<DestinationRecord> Reads<Base>::destinations(const std::string& org, const std::string& type, const std::string& cursor,
                                                  std::size_t limit) {
    const auto start = start_of(cursor, 3, NodeKey{org, org.empty() ? "" : type, ""}, key_from<NodeKey>);
    const auto belongs = [&](const NodeKey& key) { return org.empty() || (key.org == org && (type.empty() || key.type == type)); };
    return page_of<DestinationRecord>(seen_.destinations, start, limit, belongs, value_of, parts_of<NodeKey>);
}

template <typename Base>
std::vector<NodeKey> Reads<Base>::inactive_destinations(TimePoint before, std::size_t limit) {
    return first_of<NodeKey>(seen_.pings, std::pair{TimePoint::min(), NodeKey{}}, limit,
                             [&](const auto& key, Nothing) { return key.first < before ? std::optional(key.second) : std::nullopt; });
}

template <typename Base>
std::uint64_t Reads<Base>::count_destinations() {
    return seen_.destinations.size();
}

// Blobs

template <typename Base>
std::optional<BlobRecord> Reads<Base>::blob(const BlobId& id) {
    const BlobEntry* found = seen_.blobs.find(id);
    return found ? std::optional(found->record) : std::nullopt;
}

template <typename Base>
std::unique_ptr<BlobReader> Reads<Base>::open_blob(const BlobId& id) {
    const BlobEntry* found = seen_.blobs.find(id);
    if (!found) return nullptr;
    auto content = found->content ? found->content : blobs_.content(id);
    if (!content) return nullptr;
    const bool has_size = found->record.state == BlobState::Published && found->record.total >= 0;
    const std::int64_t size = has_size ? found->record.total : content->extent();
    return make_reader(std::move(content), size);
}

template <typename Base>
std::vector<BlobId> Reads<Base>::staged_blobs(TimePoint before, std::size_t limit) {
    return first_of<BlobId>(seen_.staged, std::pair{TimePoint::min(), BlobId{}}, limit,
                            [&](const auto& key, Nothing) { return key.first < before ? std::optional(key.second) : std::nullopt; });
}

// Small entities

template <typename Base>
std::optional<std::string> Reads<Base>::entry(EntryTable table, const std::vector<std::string>& key) {
    return copy_of(seen_.entries.find({table, key}));
}

template <typename Base>
Page<Entry> Reads<Base>::entries(EntryTable table, const std::vector<std::string>& prefix, const std::string& cursor, std::size_t limit) {
    using Key = std::pair<EntryTable, std::vector<std::string>>;
    const auto start = start_of(cursor, 0, Key{table, prefix}, [&](std::vector<std::string> parts) {
        return Key{table, std::move(parts)};
    });
    const auto belongs = [&](const Key& key) {
        return key.first == table && key.second.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), key.second.begin());
    };
    const auto item = [](const Key& key, const std::string& value) { return Entry{key.second, value}; };
    return page_of<Entry>(seen_.entries, start, limit, belongs, item, [](const Key& key) { return key.second; });
}

// Work

template <typename Base>
std::uint64_t Reads<Base>::count_work() {
    return seen_.work.size();
}

template <typename Base>
std::optional<TimePoint> Reads<Base>::next_work() {
    std::optional<TimePoint> next;
    seen_.work_times.visit([&](const auto& key, Nothing) {
        next = key.first;
        return false;
    });
    return next;
}

template class Reads<ReadTransaction>;
template class Reads<WriteTransaction>;

}  // namespace edgesync::memory
