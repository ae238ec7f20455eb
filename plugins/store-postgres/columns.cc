#include "columns.h"

#include <algorithm>

#include "edgesync/sdk/key.h"

namespace edgesync::postgres {
namespace {

std::string address(const std::string& org, const std::string& type, const std::string& id) {
    return Key().text(org).text(type).text(id).str();
}

std::vector<std::string> addresses_of(const Metadata& meta) {
    std::vector<std::string> addresses;
    if (!meta.destinations_list || meta.destinations_list->empty()) {
        addresses.push_back(address(meta.org, meta.destination_type, meta.destination_id));
        return addresses;
    }
    for (const auto& entry : *meta.destinations_list) {
        const auto colon = entry.find(':');
        if (colon != std::string::npos) addresses.push_back(address(meta.org, entry.substr(0, colon), entry.substr(colon + 1)));
    }
    std::sort(addresses.begin(), addresses.end());
    addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
    return addresses;
}

bool is_own(ObjectStatus status) {
    return status == ObjectStatus::NotReady || status == ObjectStatus::Ready || status == ObjectStatus::Verifying ||
           status == ObjectStatus::VerificationFailed;
}

std::optional<std::int64_t> nanoseconds_if_any(const std::optional<TimePoint>& time) {
    return time ? std::optional(nanoseconds(*time)) : std::nullopt;
}

}  // namespace

std::string updated_type(const std::string& org, const std::string& type) { return Key().text(org).text(type).str(); }

std::vector<std::string> addresses_of(const NodeKey& node) {
    return {address(node.org, "", ""), address(node.org, node.type, ""), address(node.org, node.type, node.id)};
}

ObjectColumns columns_of(const ObjectRecord& record) {
    ObjectColumns columns;
    const bool is_new = record.status == ObjectStatus::CompletelyReceived || record.status == ObjectStatus::ObjDeleted;
    columns.is_received = record.status == ObjectStatus::ObjReceived;
    if (record.side == Side::Receiver && (is_new || columns.is_received)) {
        columns.updated_type = updated_type(record.meta.org, record.meta.object_type);
        columns.updated_order = Key().number(record.meta.instance_id).text(record.meta.object_id).str();
    }
    if (record.side == Side::Sender) {
        columns.instance_id = record.meta.instance_id;
        columns.expires = nanoseconds_if_any(record.expires);
        if (!record.meta.destination_policy) columns.addresses = addresses_of(record.meta);
    }
    columns.activates = nanoseconds_if_any(record.activates);
    columns.consumed = nanoseconds_if_any(record.consumed_at);
    columns.is_own = is_own(record.status);
    return columns;
}

}  // namespace edgesync::postgres
