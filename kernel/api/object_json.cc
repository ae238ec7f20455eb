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

}  // namespace edgesync::api
