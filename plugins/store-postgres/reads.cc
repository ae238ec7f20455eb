#include "reads.h"

#include <algorithm>

#include "columns.h"
#include "edgesync/sdk/codec.h"
#include "edgesync/sdk/error.h"
#include "edgesync/sdk/key.h"
#include "sql_text.h"
#include "statements.h"

namespace edgesync::postgres {
namespace {

constexpr std::size_t kLargestLimit = 10000;

std::int64_t number_of(const pqxx::field& field) { return field.as<std::int64_t>(); }

NotificationRecord notification_of(const pqxx::field& record, const pqxx::field& sequence) {
    NotificationRecord out = codec::decode_notification(octets_of(record));
    out.sequence = static_cast<std::uint64_t>(number_of(sequence));
    return out;
}

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

/// `one` makes an item of a row. The first column is what the cursor says.
template <typename T, typename F>
Page<T> page_of(const Rows& rows, std::size_t limit, F one) {
    Page<T> page;
    const auto count = std::min(static_cast<std::size_t>(rows.size()), limit);
    page.items.reserve(count);
    for (std::size_t i = 0; i < count; ++i) page.items.push_back(one(rows[static_cast<Rows::size_type>(i)]));
    if (static_cast<std::size_t>(rows.size()) > limit) page.next = octets_of(rows[static_cast<Rows::size_type>(limit - 1)][0]);
    return page;
}

template <typename T, typename F>
std::vector<T> list_of(const Rows& rows, F one) {
    std::vector<T> out;
    out.reserve(static_cast<std::size_t>(rows.size()));
    for (const auto& row : rows) out.push_back(one(row));
    return out;
}

/// A page of all keys that start with `prefix`.
std::string range(const char* name, const std::string& prefix, const std::string& cursor, std::size_t limit) {
    // The key that follows the cursor's directly is that with a zero behind it.
    const std::string from = cursor.empty() ? prefix : cursor + '\0';
    return Call(name).octets(from).octets(end_of_prefix(prefix)).number(limit_of_page(limit)).str();
}

std::string until(const char* name, TimePoint time, std::size_t limit) {
    check_limit(limit);
    return Call(name).number(nanoseconds(time)).number(static_cast<std::int64_t>(limit)).str();
}

std::string pair_of(const ObjectKey& object, const NodeKey& node) { return Key().object(object).node(node).str(); }

ObjectRecord object_in(const pqxx::row& row) { return codec::decode_object(octets_of(row[1])); }
NotificationRecord notification_in(const pqxx::row& row) { return notification_of(row[1], row[2]); }
ObjectKey key_of_object_in(const pqxx::row& row) { return codec::decode_object(octets_of(row[0])).key(); }

}  // namespace

void check_limit(std::size_t limit) {
    if (limit == 0 || limit > kLargestLimit) throw Error(ErrorKind::InvalidRequest, "A list's limit must be 1..10000");
}

std::string prefix_of_destinations(const std::string& org, const std::string& type) {
    return type.empty() ? Key().text(org).str() : Key().text(org).text(type).str();
}

std::int64_t limit_of_page(std::size_t limit) {
    check_limit(limit);
    return static_cast<std::int64_t>(limit) + 1;
}

Page<DeliveryRecord> deliveries_in(const Rows& rows, std::size_t limit) {
    return page_of<DeliveryRecord>(rows, limit, [](const auto& row) { return codec::decode_delivery(octets_of(row[1])); });
}

std::string entry_key(EntryTable table, const std::vector<std::string>& key) {
    Key built;
    built.octet(static_cast<std::uint8_t>(table));
    for (const auto& part : key) built.text(part);
    return built.str();
}

std::string entry_value(const std::vector<std::string>& key, const std::string& value) {
    Key out;
    out.octet(static_cast<std::uint8_t>(key.size()));
    for (const auto& part : key) out.sequence(part.size()).raw(part);
    return out.raw(value).str();
}

template <typename Base>
Rows Reads<Base>::query(const std::string& statement) {
    settle();
    return transaction_.query(statement);
}

template <typename Base>
Rows Reads<Base>::single(const char* table, const std::string& key) {
    const bool is_locking = transaction_.isolation() == Isolation::Locking;
    return query(Call((is_locking ? "lock_" : "get_") + std::string(table)).octets(key).str());
}

template <typename Base>
std::optional<ObjectRecord> Reads<Base>::object(const ObjectKey& key) {
    const Rows rows = single("object", object_key(key));
    return rows.empty() ? std::nullopt : std::optional(codec::decode_object(octets_of(rows[0][0])));
}

template <typename Base>
Page<ObjectRecord> Reads<Base>::objects(const std::string& org, const std::string& type, const std::string& cursor, std::size_t limit) {
    std::string prefix;
    if (!org.empty()) prefix = type.empty() ? Key().text(org).str() : Key().text(org).text(type).str();
    return page_of<ObjectRecord>(query(range("objects", prefix, cursor, limit)), limit, object_in);
}

template <typename Base>
Page<ObjectRecord> Reads<Base>::updated_objects(const std::string& org, const std::string& type, bool include_received,
                                                const std::string& cursor, std::size_t limit) {
    Call call("updated");
    call.octets(updated_type(org, type)).flag(include_received).octets(cursor).number(limit_of_page(limit));
    return page_of<ObjectRecord>(query(call.str()), limit, object_in);
}

template <typename Base>
Page<ObjectRecord> Reads<Base>::objects_addressed_to(const NodeKey& node, const std::string& cursor, std::size_t limit) {
    Call call("addressed");
    for (const std::string& address : addresses_of(node)) call.octets(address);
    call.octets(cursor).number(limit_of_page(limit));
    return page_of<ObjectRecord>(query(call.str()), limit, object_in);
}

template <typename Base>
std::vector<ObjectKey> Reads<Base>::expired_objects(TimePoint now, std::size_t limit) {
    return list_of<ObjectKey>(query(until("expired", now, limit)), key_of_object_in);
}

template <typename Base>
std::vector<ObjectKey> Reads<Base>::objects_to_activate(TimePoint now, std::size_t limit) {
    return list_of<ObjectKey>(query(until("activating", now, limit)), key_of_object_in);
}

template <typename Base>
std::vector<ObjectKey> Reads<Base>::consumed_objects(std::size_t limit) {
    return list_of<ObjectKey>(query(until("consumed", TimePoint::max(), limit)), key_of_object_in);
}

template <typename Base>
std::uint64_t Reads<Base>::count_consumed_objects() {
    const auto name = static_cast<std::int64_t>(Counter::ConsumedObjects);
    return static_cast<std::uint64_t>(number_of(query(Call("counter").number(name).str())[0][0]));
}

template <typename Base>
std::uint64_t Reads<Base>::count_own_objects() {
    const auto name = static_cast<std::int64_t>(Counter::OwnObjects);
    return static_cast<std::uint64_t>(number_of(query(Call("counter").number(name).str())[0][0]));
}

template <typename Base>
std::optional<DeliveryRecord> Reads<Base>::delivery(const ObjectKey& object, const NodeKey& node) {
    const Rows rows = single("delivery", pair_of(object, node));
    return rows.empty() ? std::nullopt : std::optional(codec::decode_delivery(octets_of(rows[0][0])));
}

template <typename Base>
Page<DeliveryRecord> Reads<Base>::deliveries(const ObjectKey& object, const std::string& cursor, std::size_t limit) {
    return deliveries_in(query(range("deliveries", object_key(object), cursor, limit)), limit);
}

template <typename Base>
DeliveryCounts Reads<Base>::delivery_counts(const ObjectKey& object) {
    DeliveryCounts counts{};
    const std::string prefix = object_key(object);
    for (const auto& row : query(Call("delivery_counts").octets(prefix).octets(end_of_prefix(prefix)).str()))
        counts.at(static_cast<std::size_t>(number_of(row[0]))) = static_cast<std::uint64_t>(number_of(row[1]));
    return counts;
}

template <typename Base>
Page<ObjectKey> Reads<Base>::objects_of_node(const NodeKey& node, const std::string& cursor, std::size_t limit) {
    const auto call = Call("objects_of_node").octets(Key().node(node).str()).octets(cursor).number(limit_of_page(limit)).str();
    return page_of<ObjectKey>(query(call), limit, [](const auto& row) { return codec::decode_delivery(octets_of(row[1])).object; });
}

template <typename Base>
std::optional<NotificationRecord> Reads<Base>::notification(const ObjectKey& object, const NodeKey& peer) {
    const Rows rows = single("notification", pair_of(object, peer));
    return rows.empty() ? std::nullopt : std::optional(notification_of(rows[0][0], rows[0][1]));
}

template <typename Base>
Page<NotificationRecord> Reads<Base>::notifications_of_object(const ObjectKey& object, const std::string& cursor, std::size_t limit) {
    return page_of<NotificationRecord>(query(range("notifications", object_key(object), cursor, limit)), limit, notification_in);
}

template <typename Base>
Page<NotificationRecord> Reads<Base>::notifications_of_peer(const NodeKey& peer, const std::string& cursor, std::size_t limit) {
    const auto call = Call("of_peer").octets(Key().node(peer).str()).octets(cursor).number(limit_of_page(limit)).str();
    return page_of<NotificationRecord>(query(call), limit, notification_in);
}

template <typename Base>
std::vector<NotificationRecord> Reads<Base>::pending_notifications(const NodeKey& peer, std::uint64_t after, std::size_t limit) {
    check_limit(limit);
    Call call("pending");
    call.octets(Key().node(peer).str()).number(static_cast<std::int64_t>(std::min<std::uint64_t>(after, INT64_MAX)));
    return list_of<NotificationRecord>(query(call.number(static_cast<std::int64_t>(limit)).str()),
                                       [](const auto& row) { return notification_of(row[0], row[1]); });
}

template <typename Base>
std::vector<NotificationRecord> Reads<Base>::due_notifications(TimePoint now, std::size_t limit) {
    return due("due", now, limit);
}

template <typename Base>
std::vector<NotificationRecord> Reads<Base>::due(const char* statement, TimePoint now, std::size_t limit) {
    return list_of<NotificationRecord>(query(until(statement, now, limit)),
                                       [](const auto& row) { return notification_of(row[0], row[1]); });
}

template <typename Base>
Page<NotificationRecord> Reads<Base>::transfers(const std::string& cursor, std::size_t limit) {
    const auto call = Call("transfers").octets(cursor).number(limit_of_page(limit)).str();
    return page_of<NotificationRecord>(query(call), limit, notification_in);
}

template <typename Base>
std::optional<DestinationRecord> Reads<Base>::destination(const NodeKey& node) {
    const Rows rows = single("destination", Key().node(node).str());
    return rows.empty() ? std::nullopt : std::optional(codec::decode_destination(octets_of(rows[0][0])));
}

template <typename Base>
Page<DestinationRecord> Reads<Base>::destinations(const std::string& org, const std::string& type, const std::string& cursor,
                                                  std::size_t limit) {
    return page_of<DestinationRecord>(query(range("destinations", prefix_of_destinations(org, type), cursor, limit)), limit,
                                      [](const auto& row) { return codec::decode_destination(octets_of(row[1])); });
}

template <typename Base>
std::vector<NodeKey> Reads<Base>::inactive_destinations(TimePoint before, std::size_t limit) {
    return list_of<NodeKey>(query(until("inactive", before, limit)),
                            [](const auto& row) { return codec::decode_destination(octets_of(row[0])).node; });
}

template <typename Base>
std::uint64_t Reads<Base>::count_destinations() {
    const auto name = static_cast<std::int64_t>(Counter::Destinations);
    return static_cast<std::uint64_t>(number_of(query(Call("counter").number(name).str())[0][0]));
}

template <typename Base>
std::optional<BlobRecord> Reads<Base>::blob(const BlobId& id) {
    const Rows rows = single("blob", blob_key(id));
    return rows.empty() ? std::nullopt : std::optional(codec::decode_blob(octets_of(rows[0][0])));
}

template <typename Base>
std::unique_ptr<BlobReader> Reads<Base>::open_blob(const BlobId& id) {
    const Rows rows = query(Call("open_blob").octets(blob_key(id)).str());
    if (rows.empty()) return nullptr;
    if (!rows[0][1].is_null()) return std::make_unique<SmallReader>(octets_of(rows[0][1]));
    const BlobRecord record = codec::decode_blob(octets_of(rows[0][0]));
    const bool is_whole = record.state == BlobState::Published && record.total >= 0;
    if (!rows[0][2].is_null() && rows[0][2].as<bool>()) return blobs_.open_file(id, is_whole ? record.total : -1);
    return blobs_.open(id, is_whole ? record.total : extent_in(query(Call("extent").octets(blob_key(id)).str())));
}

template <typename Base>
std::vector<BlobId> Reads<Base>::staged_blobs(TimePoint before, std::size_t limit) {
    return list_of<BlobId>(query(until("staged", before, limit)), [](const auto& row) { return blob_of(octets_of(row[0])); });
}

template <typename Base>
std::optional<std::string> Reads<Base>::entry(EntryTable table, const std::vector<std::string>& key) {
    const Rows rows = single("entry", entry_key(table, key));
    return rows.empty() ? std::nullopt : std::optional(entry_of(octets_of(rows[0][0])).value);
}

template <typename Base>
Page<Entry> Reads<Base>::entries(EntryTable table, const std::vector<std::string>& prefix, const std::string& cursor, std::size_t limit) {
    return page_of<Entry>(query(range("entries", entry_key(table, prefix), cursor, limit)), limit,
                          [](const auto& row) { return entry_of(octets_of(row[1])); });
}

template <typename Base>
std::uint64_t Reads<Base>::count_work() {
    return static_cast<std::uint64_t>(number_of(query(Call("count_work").str())[0][0]));
}

template <typename Base>
std::optional<TimePoint> Reads<Base>::next_work() {
    const Rows rows = query(Call("next_work").str());
    if (rows.empty()) return std::nullopt;
    return TimePoint(std::chrono::nanoseconds(number_of(rows[0][0])));
}

template class Reads<ReadTransaction>;
template class Reads<WriteTransaction>;

}  // namespace edgesync::postgres
