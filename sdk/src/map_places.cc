#include "map_places.h"

#include "edgesync/sdk/store_lists.h"

namespace edgesync::map {

std::string counter_key(const std::string& name) { return Key(Table::Counter).raw(name).str(); }
std::string count_key(const ObjectKey& object, DeliveryStatus status) {
    return Key(Table::DeliveryCount).name(object).sequence(static_cast<std::uint64_t>(status)).str();
}
std::string object_key(const ObjectKey& key) { return Key(Table::Object).name(key).str(); }
std::string delivery_key(const ObjectKey& object, const NodeKey& node) { return Key(Table::Delivery).name(object).name(node).str(); }
std::string notification_key(const ObjectKey& object, const NodeKey& peer) {
    return Key(Table::Notification).name(object).name(peer).str();
}
std::string destination_key(const NodeKey& node) { return Key(Table::Destination).name(node).str(); }
std::string blob_key(const BlobId& id) { return Key(Table::Blob).raw(octets_of(id)).str(); }
std::string small_key(const BlobId& id) { return Key(Table::SmallData).raw(octets_of(id)).str(); }
std::string work_key(std::uint64_t id) { return Key(Table::Work).sequence(id).str(); }

std::string entry_key(EntryTable table, const std::vector<std::string>& parts) {
    Key key(Table::Entry);
    key.text(std::to_string(static_cast<int>(table)));
    for (const auto& part : parts) key.text(part);
    return key.str();
}

Places places_of(const std::optional<ObjectRecord>& record) {
    Places places;
    if (!record) return places;
    const ObjectKey key = record->key();
    const std::string name = Key().name(key).str();
    const auto updated = updated_list_of(*record);
    const auto place = [&](Table table) { return Key(table).text(key.org).text(key.type).number(record->meta.instance_id).text(key.id); };
    if (updated == UpdatedList::News) places.add(place(Table::News), name);
    if (updated != UpdatedList::None) places.add(place(Table::Known), name);
    for (const NodeKey& address : addresses_of(*record)) places.add(Key(Table::Addressed).name(address).text(key.type).text(key.id), name);
    const auto at_time = [&](Table table, const std::optional<TimePoint>& time) {
        if (time) places.add(Key(table).time(*time).raw(name), name);
    };
    if (record->side == Side::Sender) at_time(Table::Expiring, record->expires);
    at_time(Table::Activating, record->activates);
    at_time(Table::Consumed, record->consumed_at);
    if (record->consumed_at) places.counters.push_back(counter_key("consumed"));
    if (is_own_object(record->status)) places.counters.push_back(counter_key("own"));
    return places;
}

Places places_of(const std::optional<DeliveryRecord>& record) {
    Places places;
    if (!record) return places;
    places.add(Key(Table::ObjectOfNode).name(record->node).name(record->object), Key().name(record->object).str());
    places.counters.push_back(count_key(record->object, record->status));
    return places;
}

Places places_of(const std::optional<NotificationRecord>& record) {
    Places places;
    if (!record) return places;
    const std::string key = notification_key(record->object, record->peer);
    places.add(Key(Table::NotificationOfPeer).name(record->peer).name(record->object), key);
    switch (list_of(record->status)) {
        case NotificationList::Pending: places.add(Key(Table::Pending).name(record->peer).sequence(record->sequence), key); break;
        case NotificationList::Due: places.add(Key(Table::Due).time(record->resend_at).sequence(record->sequence), key); break;
        case NotificationList::Transfer: places.add(Key(Table::Transfer).name(record->object).name(record->peer), key); break;
        case NotificationList::None: break;
    }
    return places;
}

Places places_of(const std::optional<DestinationRecord>& record) {
    Places places;
    if (!record) return places;
    const std::string name = Key().name(record->node).str();
    places.add(Key(Table::Ping).time(record->last_ping).raw(name), name);
    places.counters.push_back(counter_key("destinations"));
    return places;
}

Places places_of(const std::optional<BlobRecord>& record) {
    Places places;
    if (record && record->state == BlobState::Staged)
        places.add(Key(Table::Staged).time(record->created).raw(octets_of(record->id)), octets_of(record->id));
    return places;
}

Places places_of(const std::optional<WorkItem>& item) {
    Places places;
    if (!item) return places;
    places.add(Key(Table::WorkTime).time(item->not_before).sequence(item->id), work_key(item->id));
    places.counters.push_back(counter_key("work"));
    return places;
}

}  // namespace edgesync::map
