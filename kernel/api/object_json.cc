#include "kernel/api/object_json.h"

#include "edgesync/sdk/codec.h"

namespace edgesync::api {

void append_destination_status(const DeliveryRecord& delivery, std::string& out) {
    out += "{\"destinationType\":";
    codec::append_json_string(out, delivery.node.type);
    out += ",\"destinationID\":";
    codec::append_json_string(out, delivery.node.id);
    out += ",\"status\":";
    codec::append_json_string(out, to_string(delivery.status));
    out += ",\"message\":";
    codec::append_json_string(out, delivery.message);
    out += '}';
}

namespace {

void append_all_destinations(ReadTransaction& txn, const ObjectKey& key, std::string& out) {
    out += '[';
    std::string cursor;
    bool is_first = true;
    do {
        const auto page = txn.deliveries(key, cursor, 1000);
        for (const auto& delivery : page.items) {
            if (!is_first) out += ',';
            is_first = false;
            append_destination_status(delivery, out);
        }
        cursor = page.next;
    } while (!cursor.empty());
    out += ']';
}

}  // namespace

void append_with_destinations(ReadTransaction& txn, const Metadata& meta, std::string& out) {
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
    out += ",\"destinations\":";
    append_all_destinations(txn, {meta.org, meta.object_type, meta.object_id}, out);
    out += '}';
}

}  // namespace edgesync::api
