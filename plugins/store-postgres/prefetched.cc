#include "prefetched.h"

#include "edgesync/sdk/codec.h"
#include "key.h"
#include "sql_text.h"

namespace edgesync::postgres {
namespace {

enum Kind { kObject = 1, kDelivery = 2, kNotification = 3, kDestination = 4, kFewDeliveries = 5 };

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

}  // namespace

std::optional<std::string> Prefetched::call_for(const Prefetch& names) {
    const ArrayText of_objects = unknown(objects, names.objects, object_key);
    const ArrayText of_deliveries = unknown(deliveries, names.deliveries, pair_key);
    const ArrayText of_notifications = unknown(notifications, names.notifications, pair_key);
    const ArrayText of_destinations = unknown(destinations, names.destinations, [](const NodeKey& node) { return Key().node(node).str(); });
    const bool wants_few = names.few_deliveries_of.has_value();
    if (of_objects.is_empty() && of_deliveries.is_empty() && of_notifications.is_empty() && of_destinations.is_empty() && !wants_few)
        return std::nullopt;
    Call call("prefetch");
    call.array(of_objects).array(of_deliveries).array(of_notifications).array(of_destinations);
    const std::string prefix = wants_few ? object_key(*names.few_deliveries_of) : "";
    call.octets(prefix).octets(wants_few ? end_of_prefix(prefix) : "").number(static_cast<std::int64_t>(kFew));
    return call.str();
}

void Prefetched::take(const Prefetch& names, const Rows& rows) {
    if (names.few_deliveries_of) {
        object_of_few_ = object_key(*names.few_deliveries_of);
        few_.clear();
        has_few_ = true;
    }
    for (const auto& row : rows) {
        const std::string key = octets_of(row[1]);
        const std::string record = octets_of(row[2]);
        switch (row[0].as<int>()) {
            case kObject: objects[key] = codec::decode_object(record); break;
            case kDelivery: deliveries[key] = codec::decode_delivery(record); break;
            case kDestination: destinations[key] = codec::decode_destination(record); break;
            case kFewDeliveries: few_.push_back(codec::decode_delivery(record)); break;
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
    if (!has_few_ || object_of_few_ != object) return std::nullopt;
    if (few_.size() == kFew && limit >= kFew) return std::nullopt;
    Page<DeliveryRecord> page;
    page.items.assign(few_.begin(), few_.begin() + static_cast<std::ptrdiff_t>(std::min(limit, few_.size())));
    if (few_.size() > limit) page.next = Key().object(page.items.back().object).node(page.items.back().node).str();
    return page;
}

void Prefetched::forget_delivery(const std::string& name) {
    deliveries.erase(name);
    has_few_ = false;
}

void Prefetched::forget_deliveries() {
    deliveries.clear();
    has_few_ = false;
}

}  // namespace edgesync::postgres
