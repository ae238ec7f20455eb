#include "prefetched.h"

#include <algorithm>

#include "edgesync/sdk/codec.h"
#include "key.h"
#include "reads.h"
#include "sql_text.h"

namespace edgesync::postgres {
namespace {

enum Kind { kObject = 1, kDelivery = 2, kNotification = 3, kDestination = 4, kFewDeliveries = 5, kFewNodes = 6 };

std::string pair_key(const std::pair<ObjectKey, NodeKey>& pair) { return Key().object(pair.first).node(pair.second).str(); }

/// Adds the keys that are not known yet, as absent until they are found.
template <typename Record, typename Name, typename MakeKey>
ArrayText unknown(Changes<Record>& known, const std::vector<Name>& names, MakeKey make_key) {
    ArrayText keys;
    for (const auto& name : names) {
        const std::string key = make_key(name);
        if (known.try_emplace(key).second) keys.octets(key);
    }
    return keys;
}

std::optional<std::string> prefix_of_deliveries(const Prefetch& names) {
    return names.few_deliveries_of ? std::optional(object_key(*names.few_deliveries_of)) : std::nullopt;
}

std::optional<std::string> prefix_of_nodes(const Prefetch& names) {
    return names.few_nodes_of ? std::optional(prefix_of_destinations(names.few_nodes_of->first, names.few_nodes_of->second)) : std::nullopt;
}

/// The page, as far as what was read tells; nullopt: it does not.
template <typename Record, typename KeyOf>
std::optional<Page<Record>> page_of_few(const std::vector<Record>& few, std::size_t limit, KeyOf key_of) {
    if (few.size() == Prefetched::kFew && limit >= Prefetched::kFew) return std::nullopt;
    Page<Record> page;
    page.items.assign(few.begin(), few.begin() + static_cast<std::ptrdiff_t>(std::min(limit, few.size())));
    if (few.size() > limit) page.next = key_of(page.items.back());
    return page;
}

}  // namespace

std::optional<std::string> Prefetched::call_for(const Prefetch& names) {
    const ArrayText of_objects = unknown(objects, names.objects, object_key);
    const ArrayText of_deliveries = unknown(deliveries, names.deliveries, pair_key);
    const ArrayText of_notifications = unknown(notifications, names.notifications, pair_key);
    const ArrayText of_destinations = unknown(destinations, names.destinations, [](const NodeKey& node) { return Key().node(node).str(); });
    if (of_objects.is_empty() && of_deliveries.is_empty() && of_notifications.is_empty() && of_destinations.is_empty() &&
        !names.few_deliveries_of && !names.few_nodes_of) {
        return std::nullopt;
    }
    Call call("prefetch");
    call.array(of_objects).array(of_deliveries).array(of_notifications).array(of_destinations);
    for (const auto& prefix : {prefix_of_deliveries(names), prefix_of_nodes(names)}) {
        call.octets(prefix.value_or("")).octets(prefix ? end_of_prefix(*prefix) : "");  // From nothing to nothing there is nothing.
    }
    return call.number(static_cast<std::int64_t>(kFew)).str();
}

void Prefetched::take(const Prefetch& names, const Rows& rows) {
    if (names.few_deliveries_of) {
        object_of_few_ = prefix_of_deliveries(names);
        few_deliveries_.clear();
    }
    if (names.few_nodes_of) {
        prefix_of_few_ = prefix_of_nodes(names);
        few_nodes_.clear();
    }
    for (const auto& row : rows) {
        const std::string key = octets_of(row[1]);
        const std::string record = octets_of(row[2]);
        switch (row[0].as<int>()) {
            case kObject: objects[key] = codec::decode_object(record); break;
            case kDelivery: deliveries[key] = codec::decode_delivery(record); break;
            case kDestination: destinations[key] = codec::decode_destination(record); break;
            case kFewDeliveries: few_deliveries_.push_back(codec::decode_delivery(record)); break;
            case kFewNodes: few_nodes_.push_back(codec::decode_destination(record)); break;
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
    if (object_of_few_ != object) return std::nullopt;
    return page_of_few(few_deliveries_, limit,
                       [](const DeliveryRecord& record) { return Key().object(record.object).node(record.node).str(); });
}

std::optional<Page<DestinationRecord>> Prefetched::first_nodes(const std::string& prefix, std::size_t limit) const {
    if (prefix_of_few_ != prefix) return std::nullopt;
    return page_of_few(few_nodes_, limit, [](const DestinationRecord& record) { return Key().node(record.node).str(); });
}

void Prefetched::forget_delivery(const std::string& name) {
    deliveries.erase(name);
    object_of_few_.reset();
}

void Prefetched::forget_destination(const std::string& name) {
    destinations.erase(name);
    prefix_of_few_.reset();
}

void Prefetched::forget_deliveries() {
    deliveries.clear();
    object_of_few_.reset();
}

}  // namespace edgesync::postgres
