// The columns beside a record: what the queries find it by.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "edgesync/sdk/store.h"

namespace edgesync::postgres {

struct ObjectColumns {
    std::optional<std::string> updated_type;   ///< Org and type, if applications are told about the object.
    bool is_received = false;                  ///< Applications have it already.
    std::optional<std::string> updated_order;  ///< Instance id and id.
    std::optional<std::int64_t> expires;       ///< Nanoseconds since 1970, as all times here.
    std::optional<std::int64_t> activates;
    std::optional<std::int64_t> consumed;
    bool is_own = false;
    InstanceId instance_id = 0;          ///< That this side has issued; 0 if the object is somebody else's.
    std::vector<std::string> addresses;  ///< Sorted, each once.
};

ObjectColumns columns_of(const ObjectRecord& record);

/// What `updated_type` is for an org and type.
std::string updated_type(const std::string& org, const std::string& type);
/// The addresses that reach a node: of the whole org, of its type, and its own.
std::vector<std::string> addresses_of(const NodeKey& node);

inline std::int64_t nanoseconds(TimePoint time) { return time.time_since_epoch().count(); }

}  // namespace edgesync::postgres
