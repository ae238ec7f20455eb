#include "indexes.h"

#include <algorithm>

#include "edgesync/sdk/key.h"

namespace edgesync::lmdb {
namespace {

std::string address(const std::string& org, const std::string& type, const std::string& id) {
    return Key().text(org).text(type).text(id).str();
}

void add_addressed(std::vector<IndexEntry>& entries, const Metadata& meta) {
    const std::string suffix = Key().text(meta.object_type).text(meta.object_id).str();
    if (!meta.destinations_list || meta.destinations_list->empty()) {
        entries.push_back({Table::Addressed, address(meta.org, meta.destination_type, meta.destination_id) + suffix});
        return;
    }
    for (const auto& entry : *meta.destinations_list) {
        const auto colon = entry.find(':');
        if (colon == std::string::npos) continue;
        entries.push_back({Table::Addressed, address(meta.org, entry.substr(0, colon), entry.substr(colon + 1)) + suffix});
    }
}

bool is_pending(NotificationStatus status) {
    return status == NotificationStatus::UpdatePending || status == NotificationStatus::ReceivedPending ||
           status == NotificationStatus::ConsumedPending || status == NotificationStatus::DeletePending ||
           status == NotificationStatus::DeletedPending;
}

bool may_be_due(NotificationStatus status) {
    return status == NotificationStatus::Update || status == NotificationStatus::Consumed || status == NotificationStatus::Delete ||
           status == NotificationStatus::Deleted || status == NotificationStatus::Received || status == NotificationStatus::Error;
}

}  // namespace

bool is_own(ObjectStatus status) {
    return status == ObjectStatus::NotReady || status == ObjectStatus::Ready || status == ObjectStatus::Verifying ||
           status == ObjectStatus::VerificationFailed;
}

std::string updated_prefix(const std::string& org, const std::string& type, bool is_received) {
    return Key().text(org).text(type).octet(is_received ? 1 : 0).str();
}

std::vector<std::string> addressed_prefixes(const NodeKey& node) {
    return {address(node.org, "", ""), address(node.org, node.type, ""), address(node.org, node.type, node.id)};
}

std::vector<IndexEntry> entries_of(const ObjectRecord& record) {
    std::vector<IndexEntry> entries;
    const ObjectKey key = record.key();
    const bool is_waiting = record.status == ObjectStatus::CompletelyReceived || record.status == ObjectStatus::ObjDeleted;
    if (record.side == Side::Receiver && (is_waiting || record.status == ObjectStatus::ObjReceived)) {
        entries.push_back(
            {Table::Updated, Key().raw(updated_prefix(key.org, key.type, !is_waiting)).number(record.meta.instance_id).text(key.id).str()});
    }
    if (record.side == Side::Sender && !record.meta.destination_policy) add_addressed(entries, record.meta);
    if (record.side == Side::Sender && record.expires) entries.push_back({Table::Expiring, Key().time(*record.expires).object(key).str()});
    if (record.activates) entries.push_back({Table::Activating, Key().time(*record.activates).object(key).str()});
    if (record.consumed_at) entries.push_back({Table::Consumed, Key().time(*record.consumed_at).object(key).str()});
    std::sort(entries.begin(), entries.end());
    entries.erase(std::unique(entries.begin(), entries.end()), entries.end());
    return entries;
}

std::vector<IndexEntry> entries_of(const NotificationRecord& record) {
    std::vector<IndexEntry> entries;
    entries.push_back({Table::PeerNotification, Key().node(record.peer).object(record.object).str()});
    if (is_pending(record.status)) entries.push_back({Table::Pending, Key().node(record.peer).sequence(record.sequence).str()});
    if (may_be_due(record.status)) entries.push_back({Table::Due, Key().time(record.resend_at).sequence(record.sequence).str()});
    if (record.status == NotificationStatus::HandleUpdate || record.status == NotificationStatus::GetData) {
        entries.push_back({Table::Transfer, Key().object(record.object).node(record.peer).str()});
    }
    std::sort(entries.begin(), entries.end());
    return entries;
}

std::vector<IndexEntry> entries_of(const DestinationRecord& record) {
    return {{Table::Ping, Key().time(record.last_ping).node(record.node).str()}};
}

std::vector<IndexEntry> entries_of(const BlobRecord& record) {
    if (record.state != BlobState::Staged) return {};
    return {{Table::Staged, Key().time(record.created).raw(blob_key(record.id)).str()}};
}

std::vector<IndexEntry> entries_of(const WorkItem& record) {
    return {{Table::WorkTime, Key().time(record.not_before).sequence(record.id).str()}};
}

}  // namespace edgesync::lmdb
