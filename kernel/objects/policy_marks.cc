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
