#include "map_places.h"

#include "edgesync/sdk/store_lists.h"

namespace edgesync::map {

std::string counter_place(const std::string& name) { return in(Table::Counter).raw(name).str(); }
std::string place(const ObjectKey& key) { return in(Table::Object).object(key).str(); }
std::string place(const NodeKey& node) { return in(Table::Destination).node(node).str(); }
std::string place(const BlobId& id) { return in(Table::Blob).raw(blob_key(id)).str(); }
std::string place_of_work(std::uint64_t id) { return in(Table::Work).sequence(id).str(); }
std::string place(Table table, const ObjectKey& object, const NodeKey& node) { return in(table).object(object).node(node).str(); }
std::string place_of_small_data(const BlobId& id) { return in(Table::SmallData).raw(blob_key(id)).str(); }

std::string place(EntryTable table, const std::vector<std::string>& parts) {
    Key key = in(Table::Entry).octet(static_cast<std::uint8_t>(table));
    for (const auto& part : parts) key.text(part);
    return key.str();
}

Places places_of(const std::optional<ObjectRecord>& record) {
    Places places;
    if (!record) return places;
    const ObjectKey key = record->key();
    const std::string name = name_of(key);
    const auto updated = updated_list_of(*record);
    const auto updated_place = [&](Table table) {
        return in(table).text(key.org).text(key.type).number(record->meta.instance_id).text(key.id);
    };
    if (updated == UpdatedList::News) places.add(updated_place(Table::News), name);
    if (updated != UpdatedList::None) places.add(updated_place(Table::Known), name);
    for (const NodeKey& address : addresses_of(*record)) places.add(in(Table::Addressed).node(address).text(key.type).text(key.id), name);
    const auto at_time = [&](Table table, const std::optional<TimePoint>& time) {
        if (time) places.add(in(table).time(*time).object(key), name);
    };
    if (record->side == Side::Sender) at_time(Table::Expiring, record->expires);
    at_time(Table::Activating, record->activates);
    at_time(Table::Consumed, record->consumed_at);
    if (record->consumed_at) places.counters.push_back(counter_place("consumed"));
    if (is_own_object(record->status)) places.counters.push_back(counter_place("own"));
    return places;
}

Places places_of(const std::optional<DeliveryRecord>& record) {
    Places places;
    if (!record) return places;
    places.add(in(Table::ObjectOfNode).node(record->node).object(record->object), name_of(record->object));
    places.counters.push_back(in(Table::DeliveryCount).object(record->object).octet(static_cast<std::uint8_t>(record->status)).str());
    return places;
}

Places places_of(const std::optional<NotificationRecord>& record) {
    Places places;
    if (!record) return places;
    const std::string key = place(Table::Notification, record->object, record->peer);
    places.add(in(Table::NotificationOfPeer).node(record->peer).object(record->object), key);
    switch (list_of(record->status)) {
        case NotificationList::Pending: places.add(in(Table::Pending).node(record->peer).sequence(record->sequence), key); break;
        case NotificationList::Due: places.add(in(Table::Due).time(record->resend_at).sequence(record->sequence), key); break;
        case NotificationList::Transfer: places.add(in(Table::Transfer).object(record->object).node(record->peer), key); break;
        case NotificationList::None: break;
    }
    return places;
}

Places places_of(const std::optional<DestinationRecord>& record) {
    Places places;
    if (!record) return places;
    places.add(in(Table::Ping).time(record->last_ping).node(record->node), name_of(record->node));
    places.counters.push_back(counter_place("destinations"));
    return places;
}

Places places_of(const std::optional<BlobRecord>& record) {
    Places places;
    if (record && record->state == BlobState::Staged)
        places.add(in(Table::Staged).time(record->created).raw(blob_key(record->id)), blob_key(record->id));
    return places;
}

Places places_of(const std::optional<WorkItem>& item) {
    Places places;
    if (!item) return places;
    places.add(in(Table::WorkTime).time(item->not_before).sequence(item->id), place_of_work(item->id));
    places.counters.push_back(counter_place("work"));
    return places;
}

}  // namespace edgesync::map
