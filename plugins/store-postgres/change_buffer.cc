#include "change_buffer.h"

#include <algorithm>
#include <array>

#include "columns.h"
#include "edgesync/sdk/codec.h"
#include "edgesync/sdk/key.h"
#include "record_frame.h"
#include "sql_text.h"

namespace edgesync::postgres {
namespace {

/// Where the transaction saw nothing there must be nothing now: an insertion fails if there is. Afterwards there is something.
bool take_absence(Observations& seen, const char* table, const std::string& key) {
    return seen.absent.erase(std::string(table) + ":" + key) > 0;
}

/// Sends the changes of one table. `fill` appends one record to the arrays; `beside` is handed over with what is inserted.
template <std::size_t kColumns, typename Change, typename Fill>
void move_table(Transaction& transaction, Observations& seen, const char* table, const char* erase,
                const std::vector<const std::pair<const std::string, std::optional<Change>>*>& changes, Fill fill,
                std::initializer_list<const ArrayText*> beside = {}) {
    ArrayText erased;
    std::array<std::array<ArrayText, kColumns>, 2> stored;
    for (const auto* one : changes) {
        if (!one->second) {
            erased.octets(one->first);
            continue;
        }
        auto& arrays = stored[take_absence(seen, table, one->first) ? 1 : 0];
        arrays[0].octets(one->first);
        fill(*one->second, arrays);
    }
    if (!erased.is_empty()) transaction.add(Call(erase).array(erased).str());
    for (const std::size_t kind : {0U, 1U}) {
        if (stored[kind][0].is_empty()) continue;
        Call call((kind == 0 ? "put_" : "add_") + std::string(table));
        for (const ArrayText& column : stored[kind]) call.array(column);
        if (kind == 1) {
            for (const ArrayText* more : beside) call.array(*more);
        }
        transaction.add(call.str());
    }
}

template <typename Change>
auto pointers_to(const Changes<Change>& changes) {
    std::vector<const std::pair<const std::string, std::optional<Change>>*> out;
    out.reserve(changes.size());
    for (const auto& one : changes) out.push_back(&one);
    return out;
}

}  // namespace

void keep_observations(Transaction& transaction, const Observations& seen) {
    ArrayText decided;
    ArrayText objects;
    ArrayText destinations;
    for (const std::string& key : seen.decided) decided.octets(key);
    for (const std::string& key : seen.objects) {
        if (!seen.decided.contains(key)) objects.octets(key);
    }
    for (const std::string& key : seen.destinations) destinations.octets(key);
    if (!decided.is_empty()) transaction.add(Call("touch_objects").array(decided).str());
    if (!objects.is_empty()) transaction.add(Call("keep_objects").array(objects).str());
    if (!destinations.is_empty()) transaction.add(Call("keep_destinations").array(destinations).str());
}

bool ChangeBuffer::is_empty() const {
    return objects.empty() && deliveries.empty() && notifications.empty() && destinations.empty() && blobs.empty() && entries.empty() &&
           work.empty();
}

void ChangeBuffer::move_objects(Transaction& transaction, Observations& seen) {
    ArrayText changed;
    std::array<std::array<ArrayText, 2>, 2> addresses;  // Object and address; of those that were there, and of new ones.
    std::set<std::string> are_new;
    for (const auto& one : objects) {
        if (seen.absent.contains("object:" + one.first)) are_new.insert(one.first);
    }
    const auto fill = [&](const ObjectRecord& record, auto& to) {
        const ObjectColumns columns = columns_of(record);
        const std::string key = object_key(record.key());
        const bool is_new = are_new.contains(key);
        to[1].octets(codec::encode(record));
        to[2].octets_or_null(columns.updated_type);
        to[3].flag(columns.is_received);
        to[4].octets_or_null(columns.updated_order);
        to[5].number_or_null(columns.expires);
        to[6].number_or_null(columns.activates);
        to[7].number_or_null(columns.consumed);
        to[8].flag(columns.is_own);
        to[9].number(columns.instance_id);
        if (!is_new) changed.octets(key);
        for (const std::string& address : columns.addresses) {
            addresses[is_new ? 1 : 0][0].octets(key);
            addresses[is_new ? 1 : 0][1].octets(address);
        }
    };
    move_table<10>(transaction, seen, "object", "erase_objects", pointers_to(objects), fill, {&addresses[1][0], &addresses[1][1]});
    const auto& [keys, places] = addresses[0];
    if (!changed.is_empty()) transaction.add(Call("clear_addresses").array(changed).array(keys).array(places).str());
    if (!keys.is_empty()) transaction.add(Call("put_addresses").array(keys).array(places).str());
}

void ChangeBuffer::move_blobs(Transaction& transaction, Observations& seen) {
    ArrayText apart;
    for (const auto& [id, change] : blobs) {
        if (change && !change->small) apart.octets(id);
    }
    if (!apart.is_empty()) transaction.add(Call("own_octets").array(apart).str());
    move_table<5>(transaction, seen, "blob", "erase_blobs", pointers_to(blobs), [](const BlobChange& change, auto& to) {
        to[1].octets(codec::encode(change.record));
        to[2].number(nanoseconds(change.record.created));
        to[3].flag(change.record.state == BlobState::Staged);
        to[4].octets_or_null(change.small);
    });
}

void ChangeBuffer::move_work(Transaction& transaction) {
    if (work.empty()) return;
    std::array<ArrayText, 4> columns;
    for (const WorkItem& item : work) {
        columns[0].number(static_cast<std::int64_t>(item.id));
        columns[1].octets(item.kind);
        columns[2].octets(item.payload);
        columns[3].number(nanoseconds(item.not_before));
    }
    transaction.add(Call("add_work").array(columns[0]).array(columns[1]).array(columns[2]).array(columns[3]).str());
}

void ChangeBuffer::move_to(Transaction& transaction, Observations& seen) {
    if (is_empty()) return;
    move_objects(transaction, seen);
    move_table<4>(transaction, seen, "delivery", "erase_deliveries", pointers_to(deliveries), [](const DeliveryRecord& record, auto& to) {
        to[1].octets(Key().node(record.node).str());
        to[2].octets(codec::encode(record));
        to[3].number(static_cast<std::int64_t>(record.status));
    });
    auto in_order = pointers_to(notifications);
    std::sort(in_order.begin(), in_order.end(),
              [](const auto* a, const auto* b) { return (a->second ? a->second->order : 0) < (b->second ? b->second->order : 0); });
    move_table<5>(transaction, seen, "notification", "erase_notifications", in_order, [](const NotificationChange& change, auto& to) {
        to[1].octets(Key().node(change.record.peer).str());
        to[2].octets(codec::encode(change.record));
        to[3].number(static_cast<std::int64_t>(change.record.status));
        to[4].number(nanoseconds(change.record.resend_at));
    });
    move_table<5>(transaction, seen, "destination", "erase_destinations", pointers_to(destinations),
                  [](const DestinationRecord& record, auto& to) {
                      to[1].octets(codec::encode(record));
                      to[2].number(nanoseconds(record.last_ping));
                      to[3].octets(name_in_records(record.node));
                      to[4].octets(record.protocol);
                  });
    move_blobs(transaction, seen);
    move_table<2>(transaction, seen, "entry", "erase_entries", pointers_to(entries),
                  [](const std::string& value, auto& to) { to[1].octets(value); });
    move_work(transaction);
    *this = ChangeBuffer();
}

}  // namespace edgesync::postgres
