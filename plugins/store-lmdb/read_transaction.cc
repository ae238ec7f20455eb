#include "read_transaction.h"

#include <algorithm>

#include "edgesync/sdk/codec.h"
#include "edgesync/sdk/error.h"
#include "edgesync/sdk/key.h"
#include "indexes.h"
#include "range.h"

namespace edgesync::lmdb {
namespace {

constexpr std::size_t kLargestLimit = 10000;

std::string_view view(const MDB_val& value) { return {static_cast<const char*>(value.mv_data), value.mv_size}; }
MDB_val value_of(std::string_view octets) { return {octets.size(), const_cast<char*>(octets.data())}; }

}  // namespace

void check_limit(std::size_t limit) {
    if (limit == 0 || limit > kLargestLimit) throw Error(ErrorKind::InvalidRequest, "A list's limit must be 1..10000");
}

std::string entry_key(EntryTable table, const std::vector<std::string>& key) {
    Key built;
    built.octet(static_cast<std::uint8_t>(table));
    for (const auto& part : key) built.text(part);
    return built.str();
}

std::string entry_value(const std::vector<std::string>& key, const std::string& value) {
    std::string out(1, static_cast<char>(key.size()));
    for (const auto& part : key) {
        Key length;
        out += length.sequence(part.size()).str();
        out += part;
    }
    return out + value;
}

namespace {

Entry entry_of(std::string_view octets) {
    Entry entry;
    if (octets.empty()) throw Error(ErrorKind::Corrupt, "A stored entry cannot be read");
    auto parts = static_cast<unsigned char>(octets[0]);
    octets.remove_prefix(1);
    for (; parts > 0; --parts) {
        const std::uint64_t size = sequence_of(octets);
        if (octets.size() < 8 || size > octets.size() - 8) throw Error(ErrorKind::Corrupt, "A stored entry cannot be read");
        entry.key.emplace_back(octets.substr(8, size));
        octets.remove_prefix(8 + size);
    }
    entry.value = octets;
    return entry;
}

}  // namespace

template <typename Base>
std::optional<std::string_view> Reads<Base>::get(Table table, std::string_view key) const {
    if (const Change* change = pending_ != nullptr ? pending_->find(table, key) : nullptr)
        return change->is_put ? std::optional(change->value) : std::nullopt;
    MDB_val k = value_of(key);
    MDB_val v{};
    if (!check(mdb_get(txn_, environment_.dbi(table), &k, &v), "reading")) return std::nullopt;
    return view(v);
}

template <typename Base>
void Reads<Base>::scan(Table table, const std::vector<std::string>& prefixes, std::string_view after, const Visit& visit) const {
    std::vector<std::unique_ptr<Range>> ranges;
    for (const auto& prefix : prefixes) {
        auto range = std::make_unique<Range>(txn_, environment_.dbi(table), table, prefix, after, pending_);
        if (range->is_valid()) ranges.push_back(std::move(range));
    }
    while (!ranges.empty()) {
        const auto first =
            std::min_element(ranges.begin(), ranges.end(), [](const auto& a, const auto& b) { return a->suffix() < b->suffix(); });
        if (!visit((*first)->suffix(), (*first)->value())) return;
        (*first)->next();
        if (!(*first)->is_valid()) ranges.erase(first);
    }
}

template <typename Base>
std::string Reads<Base>::scan_page(Table table, const std::vector<std::string>& prefixes, const std::string& cursor, std::size_t limit,
                                   const std::function<void(std::string_view)>& take) const {
    check_limit(limit);
    std::size_t count = 0;
    std::string last;
    bool has_more = false;
    scan(table, prefixes, cursor, [&](std::string_view suffix, std::string_view value) {
        if (count > 0 && suffix == last) return true;  // It stands under another prefix, too.
        if (count == limit) {
            has_more = true;
            return false;
        }
        ++count;
        last = suffix;
        take(value);
        return true;
    });
    return has_more ? last : std::string{};
}

template <typename Base>
void Reads<Base>::scan_times(Table table, TimePoint until, std::size_t limit, const std::function<void(std::string_view)>& take) const {
    check_limit(limit);
    const std::string end = Key().time(until).str();
    std::size_t count = 0;
    scan(table, {""}, "", [&](std::string_view key, std::string_view value) {
        if (count == limit || key.substr(0, end.size()) > end) return false;
        ++count;
        take(value);
        return true;
    });
}

template <typename Base>
std::uint64_t Reads<Base>::counter(const char* name) const {
    const auto value = get(Table::Meta, name);
    return value ? sequence_of(*value) : 0;
}

template <typename Base>
std::optional<ObjectRecord> Reads<Base>::object(const ObjectKey& key) {
    const auto value = get(Table::Object, object_key(key));
    return value ? std::optional(codec::decode_object(*value)) : std::nullopt;
}

template <typename Base>
Page<ObjectRecord> Reads<Base>::objects(const std::string& org, const std::string& type, const std::string& cursor, std::size_t limit) {
    std::string prefix;
    if (!org.empty()) prefix = type.empty() ? Key().text(org).str() : Key().text(org).text(type).str();
    Page<ObjectRecord> page;
    page.next = scan_page(Table::Object, {prefix}, cursor, limit,
                          [&](std::string_view value) { page.items.push_back(codec::decode_object(value)); });
    return page;
}

template <typename Base>
Page<ObjectRecord> Reads<Base>::updated_objects(const std::string& org, const std::string& type, bool include_received,
                                                const std::string& cursor, std::size_t limit) {
    std::vector<std::string> prefixes = {updated_prefix(org, type, false)};
    if (include_received) prefixes.push_back(updated_prefix(org, type, true));
    Page<ObjectRecord> page;
    page.next = scan_page(Table::Updated, prefixes, cursor, limit, [&](std::string_view key) {
        if (const auto value = get(Table::Object, key)) page.items.push_back(codec::decode_object(*value));
    });
    return page;
}

template <typename Base>
Page<ObjectRecord> Reads<Base>::objects_addressed_to(const NodeKey& node, const std::string& cursor, std::size_t limit) {
    Page<ObjectRecord> page;
    page.next = scan_page(Table::Addressed, addressed_prefixes(node), cursor, limit, [&](std::string_view key) {
        if (const auto value = get(Table::Object, key)) page.items.push_back(codec::decode_object(*value));
    });
    return page;
}

template <typename Base>
std::vector<ObjectKey> Reads<Base>::expired_objects(TimePoint now, std::size_t limit) {
    std::vector<ObjectKey> keys;
    scan_times(Table::Expiring, now, limit,
               [&](std::string_view key) { keys.push_back(codec::decode_object(*get(Table::Object, key)).key()); });
    return keys;
}

template <typename Base>
std::vector<ObjectKey> Reads<Base>::objects_to_activate(TimePoint now, std::size_t limit) {
    std::vector<ObjectKey> keys;
    scan_times(Table::Activating, now, limit,
               [&](std::string_view key) { keys.push_back(codec::decode_object(*get(Table::Object, key)).key()); });
    return keys;
}

template <typename Base>
std::vector<ObjectKey> Reads<Base>::consumed_objects(std::size_t limit) {
    std::vector<ObjectKey> keys;
    scan_times(Table::Consumed, TimePoint::max(), limit,
               [&](std::string_view key) { keys.push_back(codec::decode_object(*get(Table::Object, key)).key()); });
    return keys;
}

template <typename Base>
std::uint64_t Reads<Base>::count_consumed_objects() {
    return counter("consumed");
}

template <typename Base>
std::uint64_t Reads<Base>::count_own_objects() {
    return counter("own");
}

template <typename Base>
std::optional<DeliveryRecord> Reads<Base>::delivery(const ObjectKey& object, const NodeKey& node) {
    const auto value = get(Table::Delivery, Key().object(object).node(node).str());
    return value ? std::optional(codec::decode_delivery(*value)) : std::nullopt;
}

template <typename Base>
Page<DeliveryRecord> Reads<Base>::deliveries(const ObjectKey& object, const std::string& cursor, std::size_t limit) {
    Page<DeliveryRecord> page;
    page.next = scan_page(Table::Delivery, {object_key(object)}, cursor, limit,
                          [&](std::string_view value) { page.items.push_back(codec::decode_delivery(value)); });
    return page;
}

template <typename Base>
DeliveryCounts Reads<Base>::delivery_counts(const ObjectKey& object) {
    DeliveryCounts counts{};
    const auto value = get(Table::DeliveryCount, object_key(object));
    for (std::size_t i = 0; value && i < counts.size(); ++i) counts[i] = sequence_of(value->substr(8 * i));
    return counts;
}

template <typename Base>
Page<ObjectKey> Reads<Base>::objects_of_node(const NodeKey& node, const std::string& cursor, std::size_t limit) {
    Page<ObjectKey> page;
    page.next = scan_page(Table::NodeObject, {Key().node(node).str()}, cursor, limit, [&](std::string_view key) {
        if (const auto value = get(Table::Delivery, key)) page.items.push_back(codec::decode_delivery(*value).object);
    });
    return page;
}

template <typename Base>
std::optional<NotificationRecord> Reads<Base>::notification(const ObjectKey& object, const NodeKey& peer) {
    const auto value = get(Table::Notification, Key().object(object).node(peer).str());
    return value ? std::optional(codec::decode_notification(*value)) : std::nullopt;
}

template <typename Base>
Page<NotificationRecord> Reads<Base>::notifications_of_object(const ObjectKey& object, const std::string& cursor, std::size_t limit) {
    Page<NotificationRecord> page;
    page.next = scan_page(Table::Notification, {object_key(object)}, cursor, limit,
                          [&](std::string_view value) { page.items.push_back(codec::decode_notification(value)); });
    return page;
}

template <typename Base>
Page<NotificationRecord> Reads<Base>::notifications_of_peer(const NodeKey& peer, const std::string& cursor, std::size_t limit) {
    Page<NotificationRecord> page;
    page.next = scan_page(Table::PeerNotification, {Key().node(peer).str()}, cursor, limit, [&](std::string_view key) {
        if (const auto value = get(Table::Notification, key)) page.items.push_back(codec::decode_notification(*value));
    });
    return page;
}

template <typename Base>
std::vector<NotificationRecord> Reads<Base>::pending_notifications(const NodeKey& peer, std::uint64_t after, std::size_t limit) {
    std::vector<NotificationRecord> records;
    const std::string cursor = after == 0 ? std::string{} : Key().sequence(after).str();
    scan_page(Table::Pending, {Key().node(peer).str()}, cursor, limit, [&](std::string_view key) {
        if (const auto value = get(Table::Notification, key)) records.push_back(codec::decode_notification(*value));
    });
    return records;
}

template <typename Base>
std::vector<NotificationRecord> Reads<Base>::due_notifications(TimePoint now, std::size_t limit) {
    std::vector<NotificationRecord> records;
    scan_times(Table::Due, now, limit, [&](std::string_view key) {
        if (const auto value = get(Table::Notification, key)) records.push_back(codec::decode_notification(*value));
    });
    return records;
}

template <typename Base>
Page<NotificationRecord> Reads<Base>::transfers(const std::string& cursor, std::size_t limit) {
    Page<NotificationRecord> page;
    page.next = scan_page(Table::Transfer, {""}, cursor, limit, [&](std::string_view key) {
        if (const auto value = get(Table::Notification, key)) page.items.push_back(codec::decode_notification(*value));
    });
    return page;
}

template <typename Base>
std::optional<DestinationRecord> Reads<Base>::destination(const NodeKey& node) {
    const auto value = get(Table::Destination, Key().node(node).str());
    return value ? std::optional(codec::decode_destination(*value)) : std::nullopt;
}

template <typename Base>
Page<DestinationRecord> Reads<Base>::destinations(const std::string& org, const std::string& type, const std::string& cursor,
                                                  std::size_t limit) {
    const std::string prefix = type.empty() ? Key().text(org).str() : Key().text(org).text(type).str();
    Page<DestinationRecord> page;
    page.next = scan_page(Table::Destination, {prefix}, cursor, limit,
                          [&](std::string_view value) { page.items.push_back(codec::decode_destination(value)); });
    return page;
}

template <typename Base>
std::vector<NodeKey> Reads<Base>::inactive_destinations(TimePoint before, std::size_t limit) {
    std::vector<NodeKey> nodes;
    scan_times(Table::Ping, before - std::chrono::nanoseconds(1), limit, [&](std::string_view key) {
        if (const auto value = get(Table::Destination, key)) nodes.push_back(codec::decode_destination(*value).node);
    });
    return nodes;
}

template <typename Base>
std::uint64_t Reads<Base>::count_destinations() {
    return counter("destinations");
}

template <typename Base>
std::optional<BlobRecord> Reads<Base>::blob(const BlobId& id) {
    const auto value = get(Table::Blob, blob_key(id));
    return value ? std::optional(codec::decode_blob(*value)) : std::nullopt;
}

template <typename Base>
std::unique_ptr<BlobReader> Reads<Base>::open_blob(const BlobId& id) {
    const std::string key = blob_key(id);
    if (const auto octets = get(Table::SmallData, key)) return std::make_unique<MemoryReader>(std::string(*octets));
    if (!get(Table::Blob, key)) return nullptr;
    return files_.open_file(id);
}

template <typename Base>
std::vector<BlobId> Reads<Base>::staged_blobs(TimePoint before, std::size_t limit) {
    std::vector<BlobId> ids;
    scan_times(Table::Staged, before - std::chrono::nanoseconds(1), limit, [&](std::string_view key) {
        BlobId id;
        std::copy_n(key.begin(), std::min(key.size(), id.bytes.size()), reinterpret_cast<char*>(id.bytes.data()));
        ids.push_back(id);
    });
    return ids;
}

template <typename Base>
std::optional<std::string> Reads<Base>::entry(EntryTable table, const std::vector<std::string>& key) {
    const auto value = get(Table::Entry, entry_key(table, key));
    return value ? std::optional(entry_of(*value).value) : std::nullopt;
}

template <typename Base>
Page<Entry> Reads<Base>::entries(EntryTable table, const std::vector<std::string>& prefix, const std::string& cursor, std::size_t limit) {
    Page<Entry> page;
    page.next = scan_page(Table::Entry, {entry_key(table, prefix)}, cursor, limit,
                          [&](std::string_view value) { page.items.push_back(entry_of(value)); });
    return page;
}

template <typename Base>
std::uint64_t Reads<Base>::count_work() {
    return counter("work");
}

template <typename Base>
std::optional<TimePoint> Reads<Base>::next_work() {
    std::optional<TimePoint> next;
    scan(Table::WorkTime, {""}, "", [&](std::string_view, std::string_view key) {
        if (const auto value = get(Table::Work, key)) next = codec::decode_work(*value).not_before;
        return false;
    });
    return next;
}

template class Reads<ReadTransaction>;
template class Reads<WriteTransaction>;

}  // namespace edgesync::lmdb
