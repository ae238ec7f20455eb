#include "kernel/objects/version_range.h"
#include "kernel/security/access.h"

namespace edgesync::security {
namespace {

struct ServiceName {
    std::string_view org;
    std::string_view version;
    std::string_view name;
};

std::optional<ServiceName> parse_service(std::string_view id) {
    const auto first = id.find('/');
    if (first == std::string_view::npos) return std::nullopt;
    const auto second = id.find('/', first + 1);
    if (second == std::string_view::npos || id.find('/', second + 1) != std::string_view::npos) return std::nullopt;
    return ServiceName{id.substr(0, first), id.substr(first + 1, second - first - 1), id.substr(second + 1)};
}

const PolicyService* find_service(const std::vector<PolicyService>& services, std::string_view service_id) {
    const auto service = parse_service(service_id);
    if (!service) return nullptr;
    for (const auto& candidate : services) {
        if (candidate.org != service->org || candidate.name != service->name) continue;
        if (objects::version_in_range(service->version, candidate.version)) return &candidate;
    }
    return nullptr;
}

}  // namespace

bool policy_admits(const Metadata& meta, std::string_view service_id) {
    if (!meta.destination_policy || meta.destination_policy->services.empty()) return true;
    return find_service(meta.destination_policy->services, service_id) != nullptr;
}

const PolicyService* removed_service(const ObjectRecord& object, std::string_view service_id) {
    return find_service(object.removed_services, service_id);
}

}  // namespace edgesync::security
