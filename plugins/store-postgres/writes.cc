#include "writes.h"

#include <array>

#include "columns.h"
#include "edgesync/sdk/key.h"
#include "sql_text.h"

namespace edgesync::postgres {
namespace {

/// The waiting change of a record; null if there is none.
template <typename Change>
const std::optional<Change>* find(const Changes<Change>& changes, const std::string& key) {
    const auto found = changes.find(key);
    return found == changes.end() ? nullptr : &found->second;
}

std::string pair_of(const ObjectKey& object, const NodeKey& node) { return Key().object(object).node(node).str(); }
std::string node_key(const NodeKey& node) { return Key().node(node).str(); }

}  // namespace

// What is kept comes first: objects before what belongs to them.
void Writes::commit() {
    if (!changes_.is_empty() || transaction_.has_changes()) keep_observations(transaction_, seen_);
    settle();
    if (!messages_.is_empty()) transaction_.add(Call("tell").number(sources_.origin).array(messages_).str());
    transaction_.commit();
    has_told_ = !messages_.is_empty();
    erase_leftovers();
}

// Who puts a record for an object that it has read holds the object until its commit, so all of them have committed before the object was
// erased. But this transaction's snapshot need not have had their records, and nothing that both have changed says so. If the process ends
// before this they stay, until an object of that name is published again.
void Writes::erase_leftovers() noexcept {
    std::array<ArrayText, 4> ranges;
    const auto add_ranges = [&](const std::set<std::string>& without, ArrayText& low, ArrayText& high) {
        for (const std::string& object : without) {
            if (erased_objects_.contains(object)) low.octets(object), high.octets(end_of_prefix(object));
        }
    };
    add_ranges(without_deliveries_, ranges[0], ranges[1]);
    add_ranges(without_notifications_, ranges[2], ranges[3]);
    if (ranges[0].is_empty() && ranges[2].is_empty()) return;
    Call call("erase_leftovers");
    for (const ArrayText& column : ranges) call.array(column);
    transaction_.run_afterwards(call.str());
}

void Writes::add(const std::string& statement) {
    ++count_of_changes_;
    settle();
    transaction_.add(statement);
}

template <typename Record>
void Writes::note(const std::optional<Record>& found, const char* table, const std::string& key, std::set<std::string>* kept) {
    if (!found) {
        seen_.absent.insert(std::string(table) + ":" + key);
    } else if (kept) {
        kept->insert(key);
    }
}

template <typename List, typename NameOf>
auto Writes::held(const char* hold, List list, NameOf name_of) {
    constexpr int kMostRounds = 10;
    auto page = list();
    if (transaction_.isolation() != Isolation::Locking) return page;
    std::set<std::string> held;
    for (int round = 0;; ++round) {
        ArrayText fresh;
        for (const auto& record : page.items) {
            if (const std::string name = name_of(record); !held.contains(name)) fresh.octets(name);
        }
        if (fresh.is_empty()) return page;
        if (round == kMostRounds) transaction_.lose("What is listed changes all the time");
        for (const auto& row : query(Call(hold).array(fresh).str())) held.insert(octets_of(row[0]));
        page = list();
    }
}

// What is decided by an object must not be decided by one that is gone.
template <typename List>
Page<ObjectRecord> Writes::held_objects(List list) {
    auto page = held("hold_object", list, [](const ObjectRecord& record) { return object_key(record.key()); });
    for (const ObjectRecord& record : page.items) seen_.objects.insert(object_key(record.key()));
    return page;
}

Page<ObjectRecord> Writes::objects(const std::string& org, const std::string& type, const std::string& cursor, std::size_t limit) {
    return held_objects([&] { return Reads::objects(org, type, cursor, limit); });
}

Page<ObjectRecord> Writes::updated_objects(const std::string& org, const std::string& type, bool include_received,
                                           const std::string& cursor, std::size_t limit) {
    return held_objects([&] { return Reads::updated_objects(org, type, include_received, cursor, limit); });
}

Page<ObjectRecord> Writes::objects_addressed_to(const NodeKey& node, const std::string& cursor, std::size_t limit) {
    return held_objects([&] { return Reads::objects_addressed_to(node, cursor, limit); });
}

// Objects before what belongs to them, as everywhere.
Page<NotificationRecord> Writes::notifications_of_peer(const NodeKey& peer, const std::string& cursor, std::size_t limit) {
    const auto list = [&] {
        auto page = Reads::notifications_of_peer(peer, cursor, limit);
        if (transaction_.isolation() != Isolation::Locking) return page;
        ArrayText objects;
        for (const NotificationRecord& record : page.items) objects.octets(object_key(record.object));
        if (!objects.is_empty()) add(Call("hold_object").array(objects).str());
        return page;
    };
    return held("hold_notification", list, [](const NotificationRecord& record) { return pair_of(record.object, record.peer); });
}

Page<Entry> Writes::entries(EntryTable table, const std::vector<std::string>& prefix, const std::string& cursor, std::size_t limit) {
    return held(
        "hold_entry", [&] { return Reads::entries(table, prefix, cursor, limit); },
        [&](const Entry& entry) { return entry_key(table, entry.key); });
}

// With locks, whoever looks at the same object waits here, and then sees what the one before has done.
void Writes::decide_by(const ObjectKey& object) {
    const std::string name = object_key(object);
    seen_.decided.insert(name);
    if (transaction_.isolation() == Isolation::Locking) add(Call("lock_object").octets(name).str());
}

std::optional<ObjectRecord> Writes::object(const ObjectKey& key) {
    const std::string name = object_key(key);
    if (const auto* change = find(changes_.objects, name)) return *change;
    const auto* known = find(prefetched_.objects, name);
    auto found = known ? *known : Reads::object(key);
    note(found, "object", name, &seen_.objects);
    return found;
}

std::optional<DeliveryRecord> Writes::delivery(const ObjectKey& object, const NodeKey& node) {
    const std::string name = pair_of(object, node);
    if (const auto* change = find(changes_.deliveries, name)) return *change;
    const auto* known = find(prefetched_.deliveries, name);
    auto found = known ? *known : Reads::delivery(object, node);
    note(found, "delivery", name, nullptr);
    return found;
}

Page<DeliveryRecord> Writes::deliveries(const ObjectKey& object, const std::string& cursor, std::size_t limit) {
    decide_by(object);
    if (cursor.empty()) {
        if (auto page = prefetched_.first_page(object_key(object), limit)) return std::move(*page);
    }
    return Reads::deliveries(object, cursor, limit);
}

DeliveryCounts Writes::delivery_counts(const ObjectKey& object) {
    decide_by(object);
    return Reads::delivery_counts(object);
}

Page<NotificationRecord> Writes::notifications_of_object(const ObjectKey& object, const std::string& cursor, std::size_t limit) {
    decide_by(object);
    return Reads::notifications_of_object(object, cursor, limit);
}

std::vector<NotificationRecord> Writes::due_notifications(TimePoint now, std::size_t limit) { return due("claim_due", now, limit); }

// The database numbers a notification, so one that was put is read from there.
std::optional<NotificationRecord> Writes::notification(const ObjectKey& object, const NodeKey& peer) {
    const std::string name = pair_of(object, peer);
    if (const auto* change = find(changes_.notifications, name); change && !*change) return std::nullopt;
    const auto* known = find(prefetched_.notifications, name);
    auto found = known ? *known : Reads::notification(object, peer);
    note(found, "notification", name, nullptr);
    return found;
}

std::optional<DestinationRecord> Writes::destination(const NodeKey& node) {
    const std::string name = node_key(node);
    if (const auto* change = find(changes_.destinations, name)) return *change;
    const auto* known = find(prefetched_.destinations, name);
    auto found = known ? *known : Reads::destination(node);
    note(found, "destination", name, &seen_.destinations);
    return found;
}

// An object's fan-out must not give records to a node that is removed meanwhile.
Page<DestinationRecord> Writes::destinations(const std::string& org, const std::string& type, const std::string& cursor,
                                             std::size_t limit) {
    std::optional<Page<DestinationRecord>> known;
    if (cursor.empty()) known = prefetched_.first_nodes(prefix_of_destinations(org, type), limit);
    auto page = known ? std::move(*known) : Reads::destinations(org, type, cursor, limit);
    for (const DestinationRecord& record : page.items) seen_.destinations.insert(node_key(record.node));
    return page;
}

std::optional<BlobRecord> Writes::blob(const BlobId& id) {
    const std::string name = blob_key(id);
    if (const auto* change = find(changes_.blobs, name)) return *change ? std::optional((*change)->record) : std::nullopt;
    auto found = Reads::blob(id);
    note(found, "blob", name, nullptr);
    return found;
}

std::optional<std::string> Writes::entry(EntryTable table, const std::vector<std::string>& key) {
    const std::string name = entry_key(table, key);
    if (const auto* change = find(changes_.entries, name)) {
        if (!*change) return std::nullopt;
        return (*change)->substr(entry_value(key, "").size());
    }
    auto found = Reads::entry(table, key);
    note(found, "entry", name, nullptr);
    return found;
}

// What is erased is not kept: who erases it decided so by itself.
void Writes::put_object(const ObjectRecord& record) {
    const std::string name = object_key(record.key());
    changed().objects[name] = record;
    prefetched_.objects.erase(name);
    seen_.objects.erase(name);
    seen_.decided.erase(name);
}

void Writes::erase_object(const ObjectKey& key) {
    const std::string name = object_key(key);
    changed().objects[name] = std::nullopt;
    erased_objects_.insert(name);
    prefetched_.objects.erase(name);
    seen_.objects.erase(name);
    seen_.decided.erase(name);
}

void Writes::put_delivery(const DeliveryRecord& record) {
    const std::string name = pair_of(record.object, record.node);
    changed().deliveries[name] = record;
    prefetched_.forget_delivery(name);
}

void Writes::erase_delivery(const ObjectKey& object, const NodeKey& node) {
    const std::string name = pair_of(object, node);
    changed().deliveries[name] = std::nullopt;
    prefetched_.forget_delivery(name);
}

void Writes::erase_deliveries(const ObjectKey& object) {
    const std::string prefix = object_key(object);
    prefetched_.forget_deliveries();
    without_deliveries_.insert(prefix);
    add(Call("erase_deliveries_of").octets(prefix).octets(end_of_prefix(prefix)).str());
}

void Writes::put_notification(const NotificationRecord& record) {
    const std::string name = pair_of(record.object, record.peer);
    changed().notifications[name] = NotificationChange{record, ++changes_.puts_of_notifications};
    prefetched_.notifications.erase(name);
}

void Writes::erase_notification(const ObjectKey& object, const NodeKey& peer) {
    const std::string name = pair_of(object, peer);
    changed().notifications[name] = std::nullopt;
    prefetched_.notifications.erase(name);
}

void Writes::erase_notifications_of_object(const ObjectKey& object) {
    const std::string prefix = object_key(object);
    prefetched_.notifications.clear();
    without_notifications_.insert(prefix);
    add(Call("erase_notifications_of").octets(prefix).octets(end_of_prefix(prefix)).str());
}

void Writes::erase_notifications_of_peer(const NodeKey& peer) {
    prefetched_.notifications.clear();
    add(Call("erase_notifications_of_peer").octets(node_key(peer)).str());
}

void Writes::put_destination(const DestinationRecord& record) {
    const std::string name = node_key(record.node);
    changed().destinations[name] = record;
    prefetched_.forget_destination(name);
    seen_.destinations.erase(name);
}

void Writes::erase_destination(const NodeKey& node) {
    const std::string name = node_key(node);
    changed().destinations[name] = std::nullopt;
    prefetched_.forget_destination(name);
    seen_.destinations.erase(name);
}

void Writes::put_blob(const BlobRecord& record) {
    auto& change = changed().blobs[blob_key(record.id)];
    std::optional<std::string> small;
    if (change) small = std::move(change->small);
    change = BlobChange{record, std::move(small)};
}

void Writes::put_small_data(const BlobRecord& record, std::span<const std::byte> octets) {
    if (static_cast<std::int64_t>(octets.size()) > kInlineLimit) {
        throw Error(ErrorKind::InvalidRequest,
                    std::to_string(octets.size()) + " octets exceed the inline limit of " + std::to_string(kInlineLimit));
    }
    const std::string name = blob_key(record.id);
    // Small data has an id of its own. Where it has not after all, the insertion fails, and with locks nothing is assumed.
    if (transaction_.isolation() != Isolation::Locking && !find(changes_.blobs, name)) seen_.absent.insert("blob:" + name);
    changed().blobs[name] = BlobChange{record, std::string(reinterpret_cast<const char*>(octets.data()), octets.size())};
}

void Writes::erase_blob(const BlobId& id) { changed().blobs[blob_key(id)] = std::nullopt; }

void Writes::put_entry(EntryTable table, const std::vector<std::string>& key, const std::string& value) {
    if (key.empty() || key.size() > 6) throw Error(ErrorKind::InvalidRequest, "The key of an entry has one to six parts");
    changed().entries[entry_key(table, key)] = entry_value(key, value);
}

void Writes::erase_entry(EntryTable table, const std::vector<std::string>& key) { changed().entries[entry_key(table, key)] = std::nullopt; }

// A transaction that lost may have lost because an id was not above that of an object which is gone.
InstanceId Writes::next_instance_id(TimePoint now, InstanceId floor) {
    if (transaction_.isolation() == Isolation::Locking) floor = std::max(floor, query(Call("highest_erased").str())[0][0].as<InstanceId>());
    return sources_.instances.next(now, floor);
}

std::uint64_t Writes::enqueue_work(const std::string& kind, const std::string& payload, TimePoint not_before) {
    const std::uint64_t id = sources_.work_ids.next();
    changed().work.push_back({id, kind, payload, not_before, 0});
    return id;
}

std::vector<WorkItem> Writes::claim_work(TimePoint now, std::chrono::seconds lease, std::size_t limit) {
    check_limit(limit);
    std::vector<WorkItem> items;
    ArrayText ids;
    for (const auto& row : query(Call("claim_work").number(nanoseconds(now)).number(static_cast<std::int64_t>(limit)).str())) {
        WorkItem item;
        item.id = row[0].as<std::uint64_t>();
        item.kind = octets_of(row[1]);
        item.payload = octets_of(row[2]);
        item.not_before = TimePoint(std::chrono::nanoseconds(row[3].as<std::int64_t>()));
        item.attempts = row[4].as<std::int32_t>() + 1;
        ids.number(static_cast<std::int64_t>(item.id));
        items.push_back(std::move(item));
    }
    if (!items.empty()) add(Call("claimed_work").array(ids).number(nanoseconds(now + lease)).str());
    return items;
}

void Writes::complete_work(std::uint64_t id) { add(Call("complete_work").number(static_cast<std::int64_t>(id)).str()); }

void Writes::reschedule_work(std::uint64_t id, TimePoint not_before, const std::string& payload) {
    add(Call("move_work").number(static_cast<std::int64_t>(id)).number(nanoseconds(not_before)).octets(payload).str());
}

void Writes::broadcast(const std::string& message) {
    constexpr std::size_t kLargest = 1024 * 1024;
    if (message.size() > kLargest) throw Error(ErrorKind::InvalidRequest, "A message to other instances has at most 1 MiB");
    ++count_of_changes_;
    messages_.octets(message);
}

// At once, because the other one's term does not come back, so running the transaction again would not help.
void Writes::require_leadership(std::int64_t term) {
    if (query(Call("keep_term").number(term).str()).empty()) throw Error(ErrorKind::Conflict, "Another instance leads now");
}

}  // namespace edgesync::postgres
