#include "edgesync/sdk/store_lists.h"

#include <algorithm>

namespace edgesync {

bool is_own_object(ObjectStatus status) noexcept {
    switch (status) {
        case ObjectStatus::NotReady:
        case ObjectStatus::Ready:
        case ObjectStatus::Verifying:
        case ObjectStatus::VerificationFailed: return true;
        default: return false;
    }
}

UpdatedList updated_list_of(const ObjectRecord& record) noexcept {
    if (record.side != Side::Receiver) return UpdatedList::None;
    switch (record.status) {
        case ObjectStatus::CompletelyReceived:
        case ObjectStatus::ObjDeleted: return UpdatedList::News;
        case ObjectStatus::ObjReceived: return UpdatedList::Known;
        default: return UpdatedList::None;
    }
}

std::vector<NodeKey> addresses_of(const ObjectRecord& record) {
    const Metadata& meta = record.meta;
    std::vector<NodeKey> addresses;
    if (record.side != Side::Sender || meta.destination_policy) return addresses;
    const bool has_list = meta.destinations_list && !meta.destinations_list->empty();
    if (!has_list || !meta.destination_type.empty()) addresses.push_back({meta.org, meta.destination_type, meta.destination_id});
    if (!has_list) return addresses;
    for (const std::string& entry : *meta.destinations_list) {
        const auto colon = entry.find(':');
        // One without a colon addresses nobody; the kernel refuses it before it gets to a store.
        if (colon != std::string::npos) addresses.push_back({meta.org, entry.substr(0, colon), entry.substr(colon + 1)});
    }
    std::sort(addresses.begin(), addresses.end());
    addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
    return addresses;
}

std::vector<NodeKey> addresses_reaching(const NodeKey& node) {
    return {{node.org, "", ""}, {node.org, "", node.id}, {node.org, node.type, ""}, {node.org, node.type, node.id}};
}

NotificationList list_of(NotificationStatus status) noexcept {
    switch (status) {
        case NotificationStatus::UpdatePending:
        case NotificationStatus::ReceivedPending:
        case NotificationStatus::ConsumedPending:
        case NotificationStatus::DeletePending:
        case NotificationStatus::DeletedPending: return NotificationList::Pending;
        case NotificationStatus::Update:
        case NotificationStatus::Consumed:
        case NotificationStatus::Delete:
        case NotificationStatus::Deleted:
        case NotificationStatus::Received:
        case NotificationStatus::Error: return NotificationList::Due;
        case NotificationStatus::HandleUpdate:
        case NotificationStatus::GetData: return NotificationList::Transfer;
        default: return NotificationList::None;
    }
}

}  // namespace edgesync
