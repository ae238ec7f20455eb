#include "prefetched.h"

#include <algorithm>
#include <array>

#include "edgesync/sdk/codec.h"
#include "edgesync/sdk/key.h"
#include "reads.h"
#include "sql_text.h"

namespace edgesync::postgres {
namespace {

enum Kind { kObject = 1, kDelivery = 2, kNotification = 3, kDestination = 4, kFewDeliveries = 5, kFewNodes = 6 };

std::string pair_key(const std::pair<ObjectKey, NodeKey>& pair) { return Key().object(pair.first).node(pair.second).str(); }

/// Adds the keys that are not known yet, as absent until they are found.
template <typename Record, typename Name, typename MakeKey>
void add_unknown(ArrayText& keys, Changes<Record>& known, const std::vector<Name>& names, MakeKey make_key) {
    for (const auto& name : names) {
        const std::string key = make_key(name);
        if (known.try_emplace(key).second) keys.octets(key);
    }
}

/// Adds the range, if it is not known yet, as empty until something is found.
template <typename Few>
void add_unknown_range(std::array<ArrayText, 2>& ranges, Few& few, const std::string& prefix) {
    if (!few.known.try_emplace(prefix).second) return;
    few.asked.push_back(prefix);
    ranges[0].octets(prefix);
    ranges[1].octets(end_of_prefix(prefix));
}

/// The page, as far as what was read tells; nullopt: it does not.
template <typename Few, typename KeyOf>
auto page_of_few(const Few& few, const std::string& prefix, std::size_t limit, KeyOf key_of) {
    const auto found = few.known.find(prefix);
    using Records = std::decay_t<decltype(found->second)>;
    std::optional<Page<typename Records::value_type>> page;
    if (found == few.known.end()) return page;
    const auto& records = found->second;
    if (records.size() == Prefetched::kFew && limit >= Prefetched::kFew) return page;
    page.emplace();
    page->items.assign(records.begin(), records.begin() + static_cast<std::ptrdiff_t>(std::min(limit, records.size())));
    if (records.size() > limit) page->next = key_of(page->items.back());
    return page;
}

/// What is known of ranges that `name` is in is not true any more.
template <typename Few>
void forget_ranges_of(Few& few, const std::string& name) {
    std::erase_if(few.known, [&](const auto& range) { return name.starts_with(range.first); });
}

}  // namespace

std::optional<std::string> Prefetched::call_for(std::span<const Prefetch> questions) {
    std::array<ArrayText, 4> keys;
    std::array<ArrayText, 2> of_objects;
    std::array<ArrayText, 2> of_types;
    few_deliveries_.asked.clear();
    few_nodes_.asked.clear();
    for (const Prefetch& names : questions) {
        add_unknown(keys[0], objects, names.objects, object_key);
        add_unknown(keys[1], deliveries, names.deliveries, pair_key);
        add_unknown(keys[2], notifications, names.notifications, pair_key);
        add_unknown(keys[3], destinations, names.destinations, [](const NodeKey& node) { return Key().node(node).str(); });
        if (const auto& object = names.few_deliveries_of) add_unknown_range(of_objects, few_deliveries_, object_key(*object));
        if (const auto& type = names.few_nodes_of)
            add_unknown_range(of_types, few_nodes_, prefix_of_destinations(type->first, type->second));
    }
    Call call("prefetch");
    bool is_empty = true;
    for (const auto arrays :
         {std::span<const ArrayText>(keys), std::span<const ArrayText>(of_objects), std::span<const ArrayText>(of_types)}) {
        for (const ArrayText& array : arrays) {
            call.array(array);
            is_empty = is_empty && array.is_empty();
        }
    }
    if (is_empty) return std::nullopt;
    return call.number(static_cast<std::int64_t>(kFew)).str();
}

std::vector<std::string> Prefetched::hold_calls_for(std::span<const Prefetch> questions) {
    ArrayText objects;
    ArrayText destinations;
    ArrayText deliveries;
    ArrayText notifications;
    for (const Prefetch& names : questions) {
        for (const ObjectKey& object : names.objects) objects.octets(object_key(object));
        for (const NodeKey& node : names.destinations) destinations.octets(Key().node(node).str());
        for (const auto& pair : names.deliveries) deliveries.octets(pair_key(pair));
        for (const auto& pair : names.notifications) notifications.octets(pair_key(pair));
    }
    std::vector<std::string> calls;
    const auto add = [&](const char* hold, const ArrayText& keys) {
        if (!keys.is_empty()) calls.push_back(Call(hold).array(keys).str());
    };
    add("hold_object", objects);
    add("hold_destination", destinations);
    add("hold_delivery", deliveries);
    add("hold_notification", notifications);
    return calls;
}

void Prefetched::take(const Rows& rows) {
    for (const auto& row : rows) {
        const std::string key = octets_of(row[1]);
        const std::string record = octets_of(row[2]);
        switch (row[0].as<int>()) {
            case kObject: objects[key] = codec::decode_object(record); break;
            case kDelivery: deliveries[key] = codec::decode_delivery(record); break;
            case kDestination: destinations[key] = codec::decode_destination(record); break;
            // The number of the range, from one on.
            case kFewDeliveries:
                few_deliveries_.known[few_deliveries_.asked.at(row[3].as<std::size_t>() - 1)].push_back(codec::decode_delivery(record));
                break;
            case kFewNodes:
                few_nodes_.known[few_nodes_.asked.at(row[3].as<std::size_t>() - 1)].push_back(codec::decode_destination(record));
                break;
            case kNotification: {
                NotificationRecord found = codec::decode_notification(record);
                found.sequence = row[3].as<std::uint64_t>();
                notifications[key] = std::move(found);
                break;
            }
            default: break;
        }
    }
}

std::optional<Page<DeliveryRecord>> Prefetched::first_page(const std::string& object, std::size_t limit) const {
    return page_of_few(few_deliveries_, object, limit,
                       [](const DeliveryRecord& record) { return Key().object(record.object).node(record.node).str(); });
}

std::optional<Page<DestinationRecord>> Prefetched::first_nodes(const std::string& prefix, std::size_t limit) const {
    return page_of_few(few_nodes_, prefix, limit, [](const DestinationRecord& record) { return Key().node(record.node).str(); });
}

void Prefetched::forget_delivery(const std::string& name) {
    deliveries.erase(name);
    forget_ranges_of(few_deliveries_, name);
}

void Prefetched::forget_destination(const std::string& name) {
    destinations.erase(name);
    forget_ranges_of(few_nodes_, name);
}

void Prefetched::forget_deliveries() {
    deliveries.clear();
    few_deliveries_.known.clear();
}

}  // namespace edgesync::postgres
