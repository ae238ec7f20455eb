#include "samples.h"

#include <algorithm>

namespace edgesync::conformance {

TimePoint at(std::int64_t seconds) { return TimePoint(std::chrono::seconds(1'700'000'000 + seconds)); }

ObjectKey object_key(const std::string& id, const std::string& type, const std::string& org) { return {org, type, id}; }
NodeKey node_key(const std::string& id, const std::string& type, const std::string& org) { return {org, type, id}; }

ObjectRecord sender_object(const ObjectKey& key) {
    ObjectRecord record;
    record.meta.org = key.org;
    record.meta.object_type = key.type;
    record.meta.object_id = key.id;
    record.meta.instance_id = 1;
    record.status = ObjectStatus::Ready;
    return record;
}

ObjectRecord receiver_object(const ObjectKey& key, ObjectStatus status, InstanceId instance) {
    ObjectRecord record = sender_object(key);
    record.side = Side::Receiver;
    record.status = status;
    record.meta.instance_id = instance;
    return record;
}

ObjectRecord full_object(const ObjectKey& key) {
    ObjectRecord r = receiver_object(key, ObjectStatus::PartiallyReceived, 1'700'000'000'123'456'789);
    Metadata& m = r.meta;
    m.destination_id = "destination";
    m.destination_type = "destination-type";
    m.destinations_list = std::vector<std::string>{"type:one", "", "type:two"};
    m.destination_policy = DestinationPolicy{{{"property", "\"value\"", "string"}, {"number", "1.5e300", ""}},
                                             {"a == b", ""},
                                             {{"svc-org", "amd64", "service", "[1.0.0,2.0.0)"}},
                                             1'700'000'000'000'000'001};
    m.expiration = "2030-01-02T03:04:05.678+02:00";
    m.version = "1.2.3";
    m.description = std::string("line\nzero\0quote\"", 16);
    m.link = "https://example.com/?a=b#c";
    m.inactive = m.no_data = m.meta_only = m.autodelete = m.deleted = m.is_public = true;
    m.activation_time = "2030-01-01T00:00:00Z";
    m.destination_data_uri = "file:///d";
    m.source_data_uri = "file:///s";
    m.consumers = 2147483647;
    m.origin_id = "origin";
    m.origin_type = "origin-type";
    m.data_id = INT64_MAX;
    m.object_size = INT64_MAX - 1;
    m.chunk_size = 4096;
    m.upload_chunk_size = 1 << 20;
    m.hash_algorithm = "SHA256";
    m.public_key = std::string(600, 'k');
    m.signature = std::string(700, 's');
    m.owner_id = "J\u00fcrgen";
    r.policy_received = true;
    r.remaining_consumers = -1;
    r.remaining_receivers = 7;
    r.expires = at(10) + std::chrono::nanoseconds(1);
    r.activates = at(-1'800'000'000);  // Before 1970.
    r.consumed_at = at(30) + std::chrono::nanoseconds(999'999'999);
    for (std::size_t i = 0; i < 16; ++i) r.data.emplace().bytes[i] = static_cast<std::uint8_t>(240 + i);
    r.data->bytes[3] = 0;
    r.staged = BlobId{{1, 2, 3}};
    r.removed_services = {{"o", "a", "n", "v"}, {"", "", "", ""}};
    return r;
}

DeliveryRecord delivery(const ObjectKey& object, const NodeKey& node, DeliveryStatus status) { return {object, node, status, "message"}; }

NotificationRecord notification(const ObjectKey& object, const NodeKey& peer, NotificationStatus status, std::int64_t resend_second) {
    NotificationRecord record;
    record.object = object;
    record.peer = peer;
    record.status = status;
    record.instance_id = 11;
    record.data_id = 10;
    record.resend_at = at(resend_second);
    return record;
}

DestinationRecord destination(const NodeKey& node, std::int64_t ping_second) { return {node, "http", "1.0.0", at(ping_second), true}; }

BlobRecord blob_record(const BlobId& id, BlobState state, std::int64_t total) {
    BlobRecord record;
    record.id = id;
    record.state = state;
    record.total = total;
    record.created = at(0);
    return record;
}

std::vector<std::byte> octets(std::uint64_t seed, std::size_t size) {
    std::vector<std::byte> out(size);
    for (std::size_t i = 0; i < size; ++i) {
        const std::uint64_t x = (seed * 1'000'003 + i) * 0x9e3779b97f4a7c15U;
        out[i] = static_cast<std::byte>(x >> 56);
    }
    return out;
}

std::vector<std::byte> content_of(BlobReader& reader) {
    std::vector<std::byte> out;
    std::vector<std::byte> piece(1000);
    while (const std::size_t count = reader.read(static_cast<std::int64_t>(out.size()), piece)) {
        out.insert(out.end(), piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(std::min(count, piece.size())));
        if (count > piece.size() || static_cast<std::int64_t>(out.size()) > reader.size()) break;
    }
    return out;
}

std::string differences(const ObjectRecord& a, const ObjectRecord& b) {
    std::string out;
    const auto note = [&](const char* name, bool is_equal) {
        if (!is_equal) out += (out.empty() ? "" : ", ") + std::string(name);
    };
#define EDGESYNC_COMPARE(field) note(#field, a.field == b.field)
    EDGESYNC_COMPARE(meta.object_id);
    EDGESYNC_COMPARE(meta.object_type);
    EDGESYNC_COMPARE(meta.org);
    EDGESYNC_COMPARE(meta.destination_id);
    EDGESYNC_COMPARE(meta.destination_type);
    EDGESYNC_COMPARE(meta.destinations_list);
    EDGESYNC_COMPARE(meta.destination_policy);
    EDGESYNC_COMPARE(meta.expiration);
    EDGESYNC_COMPARE(meta.version);
    EDGESYNC_COMPARE(meta.description);
    EDGESYNC_COMPARE(meta.link);
    EDGESYNC_COMPARE(meta.inactive);
    EDGESYNC_COMPARE(meta.activation_time);
    EDGESYNC_COMPARE(meta.no_data);
    EDGESYNC_COMPARE(meta.meta_only);
    EDGESYNC_COMPARE(meta.destination_data_uri);
    EDGESYNC_COMPARE(meta.source_data_uri);
    EDGESYNC_COMPARE(meta.consumers);
    EDGESYNC_COMPARE(meta.autodelete);
    EDGESYNC_COMPARE(meta.origin_id);
    EDGESYNC_COMPARE(meta.origin_type);
    EDGESYNC_COMPARE(meta.deleted);
    EDGESYNC_COMPARE(meta.instance_id);
    EDGESYNC_COMPARE(meta.data_id);
    EDGESYNC_COMPARE(meta.object_size);
    EDGESYNC_COMPARE(meta.chunk_size);
    EDGESYNC_COMPARE(meta.upload_chunk_size);
    EDGESYNC_COMPARE(meta.hash_algorithm);
    EDGESYNC_COMPARE(meta.public_key);
    EDGESYNC_COMPARE(meta.signature);
    EDGESYNC_COMPARE(meta.is_public);
    EDGESYNC_COMPARE(meta.owner_id);
    EDGESYNC_COMPARE(status);
    EDGESYNC_COMPARE(side);
    EDGESYNC_COMPARE(policy_received);
    EDGESYNC_COMPARE(remaining_consumers);
    EDGESYNC_COMPARE(remaining_receivers);
    EDGESYNC_COMPARE(expires);
    EDGESYNC_COMPARE(activates);
    EDGESYNC_COMPARE(consumed_at);
    EDGESYNC_COMPARE(data);
    EDGESYNC_COMPARE(staged);
    EDGESYNC_COMPARE(removed_services);
#undef EDGESYNC_COMPARE
    return out;
}

std::string name_of(const ObjectRecord& record) { return record.meta.object_id; }
std::string name_of(const ObjectKey& key) { return key.id; }
std::string name_of(const NodeKey& key) { return key.id; }
std::string name_of(const DeliveryRecord& record) { return record.node.id; }
std::string name_of(const NotificationRecord& record) { return record.object.id + "@" + record.peer.id; }
std::string name_of(const DestinationRecord& record) { return record.node.id; }
std::string name_of(const WorkItem& item) { return item.payload; }

std::string name_of(const Entry& entry) {
    std::string out;
    for (std::size_t i = 0; i < entry.key.size(); ++i) out += (i == 0 ? "" : "/") + entry.key[i];
    return out;
}

}  // namespace edgesync::conformance
