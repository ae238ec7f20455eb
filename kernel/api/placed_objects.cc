#include "kernel/api/placed_objects.h"

#include "edgesync/sdk/codec.h"
#include "kernel/api/object_json.h"

namespace edgesync::api {
namespace {

constexpr std::size_t kStepBytes = 256 * 1024;
constexpr std::size_t kDestinations = 1000;

void begin_object(const Metadata& meta, std::string& out) {
    out += "{\"orgID\":";
    codec::append_json_string(out, meta.org);
    out += ",\"objectType\":";
    codec::append_json_string(out, meta.object_type);
    out += ",\"objectID\":";
    codec::append_json_string(out, meta.object_id);
    if (meta.destination_policy) {
        out += ",\"destinationPolicy\":";
        codec::append_json(out, *meta.destination_policy);
    }
    out += ",\"destinations\":[";
}

/// Where a list stands.
class Walk {
public:
    explicit Walk(PlacedObjects objects) : objects_(std::move(objects)) {}

    /// Goes on until the page of objects or the room is used up. False: the list is at its end.
    bool step(ReadTransaction& txn, JsonList& out) {
        if (at_ == page_.items.size()) {
            page_ = objects_.next(txn, page_.next);
            at_ = 0;
        }
        while (at_ < page_.items.size() && out.size() < kStepBytes) {
            const ObjectRecord& object = page_.items[at_];
            if (!is_open_ && !objects_.shows(object, out)) {
                ++at_;
                continue;
            }
            if (!is_open_) {
                begin_object(object.meta, out.item());
                is_first_ = true;
            }
            is_open_ = !append_destinations(txn, object.key(), out.text());
            if (!is_open_) ++at_;
        }
        return at_ < page_.items.size() || !page_.next.empty();
    }

private:
    /// One page of them; true: these were the last, and the object is complete.
    bool append_destinations(ReadTransaction& txn, const ObjectKey& key, std::string& out) {
        const auto page = txn.deliveries(key, destinations_cursor_, kDestinations);
        for (const auto& delivery : page.items) {
            if (!is_first_) out += ',';
            is_first_ = false;
            append_destination_status(delivery, out);
        }
        destinations_cursor_ = page.next;
        if (!page.next.empty()) return false;
        out += "]}";
        return true;
    }

    const PlacedObjects objects_;
    Page<ObjectRecord> page_;
    std::size_t at_ = 0;
    bool is_open_ = false;  ///< The object's destinations so far are in the list.
    bool is_first_ = true;  ///< Of its destinations.
    std::string destinations_cursor_;
};

}  // namespace

PageSource source_of(const Environment& environment, PlacedObjects objects) {
    return [&environment, walk = std::make_shared<Walk>(std::move(objects))](const std::string&, JsonList& out) {
        bool has_more = false;
        environment.context.operations.store().read([&](ReadTransaction& txn) { has_more = walk->step(txn, out); });
        return has_more ? std::string("more") : std::string();
    };
}

}  // namespace edgesync::api
