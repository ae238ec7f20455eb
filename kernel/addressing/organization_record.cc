#include "kernel/addressing/organization_record.h"

#include "kernel/addressing/work_payload.h"

namespace edgesync::addressing {

std::string encode(const OrganizationRecord& record) { return join_fields({record.address, record.user, record.password}); }

OrganizationRecord decode_organization(const std::string& value) {
    auto fields = split_fields(value, 3);
    return {std::move(fields[0]), std::move(fields[1]), std::move(fields[2])};
}

}  // namespace edgesync::addressing
