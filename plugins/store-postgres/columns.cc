#include "columns.h"

#include "edgesync/sdk/key.h"
#include "edgesync/sdk/store_lists.h"

namespace edgesync::postgres {
namespace {

std::string address(const std::string& org, const std::string& type, const std::string& id) {
    return Key().text(org).text(type).text(id).str();
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
    columns.is_received = record.status == ObjectStatus::ObjReceived;
    if (updated_list_of(record) != UpdatedList::None) {
        columns.updated_type = updated_type(record.meta.org, record.meta.object_type);
        columns.updated_order = Key().number(record.meta.instance_id).text(record.meta.object_id).str();
    }
    if (record.side == Side::Sender) {
        columns.instance_id = record.meta.instance_id;
        columns.expires = nanoseconds_if_any(record.expires);
        for (const NodeKey& one : edgesync::addresses_of(record)) columns.addresses.push_back(address(one.org, one.type, one.id));
    }
    columns.activates = nanoseconds_if_any(record.activates);
    columns.consumed = nanoseconds_if_any(record.consumed_at);
    columns.is_own = is_own_object(record.status);
    return columns;
}

}  // namespace edgesync::postgres
