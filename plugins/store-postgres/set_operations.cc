// Changes of many records by one statement.
#include "columns.h"
#include "edgesync/sdk/key.h"
#include "record_frame.h"
#include "sql_text.h"
#include "writes.h"

namespace edgesync::postgres {
namespace {

/// A statement of so many nodes takes about a quarter of a second, and nobody waits for it but those who read the same nodes' records.
constexpr std::size_t kStep = 20000;
constexpr std::size_t kLargestStep = 100000;
/// Nodes that are listed one by one; of more it is only said how many.
constexpr std::size_t kListed = 1000;

void append_delivery(Call& call, const FanOut& order) {
    DeliveryRecord record;
    record.object = order.object;
    record.status = order.delivery.value_or(DeliveryStatus::Pending);
    const RecordFrame around = frame_of(std::move(record));
    call.octets(around.before).octets(around.after).number(static_cast<std::int64_t>(order.delivery.value_or(DeliveryStatus::Pending)));
    call.flag(order.delivery.has_value());
}

void append_notification(Call& call, const FanOut& order) {
    NotificationRecord record;
    record.object = order.object;
    record.instance_id = order.instance_id;
    record.data_id = order.data_id;
    record.resend_at = order.resend_at;
    bool is_first = true;
    for (const auto& status : {order.polled, order.others}) {
        record.status = status.value_or(NotificationStatus::Update);
        const RecordFrame around = frame_of(record);
        if (is_first) call.octets(around.before);
        is_first = false;
        call.octets(around.after).number(static_cast<std::int64_t>(record.status));
    }
    call.number(nanoseconds(order.resend_at)).flag(order.polled && order.others);
    ArrayText protocols;
    for (const std::string& protocol : order.polled_protocols) protocols.octets(protocol);
    call.array(protocols).number(static_cast<std::int64_t>(kListed));
}

/// What the keys of the nodes, or of the deliveries, start with.
std::string prefix_of(const FanOut& order) {
    return order.to == FanOut::To::Destinations ? object_key(order.object) : prefix_of_destinations(order.object.org, order.node_type);
}

std::string fan_out_call(const char* statement, const FanOut& order, const std::string& cursor, std::size_t limit) {
    const std::string prefix = prefix_of(order);
    Call call(statement);
    call.octets(object_key(order.object)).octets(cursor.empty() ? prefix : cursor + '\0').octets(end_of_prefix(prefix));
    call.number(static_cast<std::int64_t>(limit));
    append_delivery(call, order);
    append_notification(call, order);
    return call.str();
}

}  // namespace

void Writes::prefetch_all(std::span<const Prefetch> questions) {
    if (transaction_.isolation() == Isolation::Locking) {
        for (const std::string& call : Prefetched::hold_calls_for(questions)) add(call);
    }
    if (const auto call = prefetched_.call_for(questions)) prefetched_.take(query(*call));
}

std::size_t Writes::fan_out_step() const { return kStep; }

// With locks somebody else may have put records since; in a snapshot that is a conflict.
const char* Writes::fan_out_statement(const FanOut& order, const std::string& cursor, std::size_t limit) {
    if (order.to == FanOut::To::Destinations) return "fan_out_destinations";
    if (limit <= kListed || transaction_.isolation() == Isolation::Locking) return "fan_out_nodes";
    const std::string object = object_key(order.object);
    const std::string prefix = prefix_of(order);
    Call call("has_records");
    call.octets(object + (cursor.empty() ? prefix : cursor + '\0')).octets(object + end_of_prefix(prefix));
    return query(call.str())[0][0].as<bool>() ? "fan_out_nodes" : "fan_out_new";
}

FanOutStep Writes::fan_out(const FanOut& order, const std::string& cursor, std::size_t limit) {
    if (limit == 0 || limit > kLargestStep) throw Error(ErrorKind::InvalidRequest, "A fan-out's limit must be 1..100000");
    // Whoever replaces or deletes the object at the same time must see the new records, or fail.
    if (const std::string object = object_key(order.object); seen_.objects.contains(object)) seen_.decided.insert(object);
    // What a few known nodes get goes with the commit.
    if (order.to == FanOut::To::Nodes && cursor.empty() && prefetched_.first_nodes(prefix_of(order), limit))
        return WriteTransaction::fan_out(order, cursor, limit);
    prefetched_.forget_deliveries();
    prefetched_.notifications.clear();
    std::erase_if(seen_.absent, [](const std::string& name) { return name.starts_with("delivery:") || name.starts_with("notification:"); });
    const Rows rows = query(fan_out_call(fan_out_statement(order, cursor, limit), order, cursor, limit));
    transaction_.note_change();
    ++count_of_changes_;
    FanOutStep step;
    step.count = rows[0][0].as<std::size_t>();
    if (step.count == limit) step.next = octets_of(rows[0][1]);
    step.says_polled = step.count <= kListed || !order.polled || !order.others;
    for (const auto& row : rows) {
        if (row[2].is_null()) continue;
        const NodeKey node = node_named(octets_of(row[1]));
        (row[2].as<bool>() ? step.polled : step.others).push_back(node);
    }
    return step;
}

Page<DeliveryRecord> Writes::deliveries_outside(const ObjectKey& object, const std::string& node_type, const std::string& cursor,
                                                std::size_t limit) {
    const std::string prefix = object_key(object);
    if (cursor.empty()) {
        auto page = prefetched_.first_page(prefix, Prefetched::kFew - 1);
        if (page && page->next.empty() && page->items.size() <= limit) {
            std::erase_if(page->items, [&](const DeliveryRecord& delivery) { return delivery.node.type == node_type; });
            return std::move(*page);
        }
    }
    const std::string of_type = Key().object(object).text(object.org).text(node_type).str();
    Call call("deliveries_outside");
    call.octets(cursor.empty() ? prefix : cursor + '\0').octets(of_type).octets(end_of_prefix(of_type)).octets(end_of_prefix(prefix));
    return deliveries_in(query(call.number(limit_of_page(limit)).str()), limit);
}

}  // namespace edgesync::postgres
