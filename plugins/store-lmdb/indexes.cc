#include "indexes.h"

#include <algorithm>

#include "edgesync/sdk/key.h"
#include "edgesync/sdk/store_lists.h"

namespace edgesync::lmdb {
std::string updated_prefix(const std::string& org, const std::string& type, bool is_received) {
    return Key().text(org).text(type).octet(is_received ? 1 : 0).str();
}

std::vector<std::string> addressed_prefixes(const NodeKey& node) {
    std::vector<std::string> prefixes;
    for (const NodeKey& address : addresses_reaching(node)) prefixes.push_back(Key().node(address).str());
    return prefixes;
}

std::vector<IndexEntry> entries_of(const ObjectRecord& record) {
    std::vector<IndexEntry> entries;
    const ObjectKey key = record.key();
    if (const UpdatedList list = updated_list_of(record); list != UpdatedList::None) {
        const std::string prefix = updated_prefix(key.org, key.type, list == UpdatedList::Known);
        entries.push_back({Table::Updated, Key().raw(prefix).number(record.meta.instance_id).text(key.id).str()});
    }
    for (const NodeKey& address : addresses_of(record))
        entries.push_back({Table::Addressed, Key().node(address).text(key.type).text(key.id).str()});
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
    const NotificationList list = list_of(record.status);
    if (list == NotificationList::Pending) entries.push_back({Table::Pending, Key().node(record.peer).sequence(record.sequence).str()});
    if (list == NotificationList::Due) entries.push_back({Table::Due, Key().time(record.resend_at).sequence(record.sequence).str()});
    if (list == NotificationList::Transfer) entries.push_back({Table::Transfer, Key().object(record.object).node(record.peer).str()});
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
