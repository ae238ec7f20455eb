#include "kernel/objects/policy_marks.h"

#include <algorithm>

#include "edgesync/sdk/error.h"

namespace edgesync::objects {

void mark_policy_received(WriteTransaction& txn, const ObjectKey& key) {
    auto object = txn.object(key);
    if (!object) throw Error(ErrorKind::NotFound, "Object not found");
    if (object->policy_received) return;
    object->policy_received = true;
    txn.put_object(*object);
}

std::vector<PolicyService> removed_by_update(const ObjectRecord& old, const Metadata& meta) {
    if (!meta.destination_policy || meta.destination_policy->services.empty()) return {};
    // What a service runs on is not compared: object model 1.4.
    const auto lists = [](const std::vector<PolicyService>& services, const PolicyService& service) {
        return std::any_of(services.begin(), services.end(), [&](const PolicyService& other) {
            return other.org == service.org && other.name == service.name && other.version == service.version;
        });
    };
    std::vector<PolicyService> removed = old.removed_services;
    if (old.meta.destination_policy) {
        for (const auto& service : old.meta.destination_policy->services) {
            if (!lists(removed, service)) removed.push_back(service);
        }
    }
    std::erase_if(removed, [&](const PolicyService& service) { return lists(meta.destination_policy->services, service); });
    return removed;
}

void confirm_removal(WriteTransaction& txn, const ObjectRecord& object, const PolicyService* removed) {
    const std::string attempt = "Invalid attempt to confirm deletion of object ";
    if (object.removed_services.empty()) {
        throw Error(ErrorKind::InvalidRequest, attempt + "with empty lastRemovedPolicyServices list");
    }
    if (removed == nullptr) throw Error(ErrorKind::InvalidRequest, attempt + "for service not in lastRemovedPolicyServices");
    ObjectRecord changed = object;
    changed.removed_services.erase(std::find(changed.removed_services.begin(), changed.removed_services.end(), *removed));
    txn.put_object(changed);
}

}  // namespace edgesync::objects
