#include "kernel/addressing/org_removal.h"

#include "kernel/addressing/distribution.h"

namespace edgesync::addressing {
namespace {

/// An object may have 10,000 destinations and more, so a step is small.
constexpr std::size_t kObjects = 20;
constexpr std::size_t kNodes = 100;
constexpr std::size_t kEntries = 1000;

bool erase_some_objects(WriteTransaction& txn, const std::string& org, rules::Effects& effects) {
    const auto page = txn.objects(org, "", "", kObjects);
    for (const auto& object : page.items) effects.has_unused_files = purge(txn, object) || effects.has_unused_files;
    return !page.items.empty();
}

bool erase_some_nodes(WriteTransaction& txn, const std::string& org, rules::Effects& effects) {
    const auto page = txn.destinations(org, "", "", kNodes);
    for (const auto& node : page.items) {
        txn.erase_notifications_of_peer(node.node);
        txn.erase_destination(node.node);
        effects.wake.push_back(node.node);  // A parked poll must learn that the node is unknown now.
    }
    return !page.items.empty();
}

bool erase_some_entries(WriteTransaction& txn, const std::string& org, rules::Effects& effects) {
    for (const EntryTable table : {EntryTable::Acl, EntryTable::AclByUser, EntryTable::Webhook, EntryTable::MessagingGroup}) {
        const auto page = txn.entries(table, {org}, "", kEntries);
        for (const auto& entry : page.items) txn.erase_entry(table, entry.key);
        if (page.items.empty()) continue;
        effects.acls_of.push_back(org);
        return true;
    }
    return false;
}

}  // namespace

void enqueue_org_removal(const rules::NodeContext& context, WriteTransaction& txn, const std::string& org, rules::Effects& effects) {
    txn.enqueue_work(kOrgRemovalWork, org, context.at_once());
    effects.has_work = true;
}

void continue_org_removal(WriteTransaction& txn, const WorkItem& item, rules::Effects& effects) {
    const std::string& org = item.payload;
    // Nodes last: what they send meanwhile finds them registered and is removed with the rest.
    if (!erase_some_objects(txn, org, effects) && !erase_some_entries(txn, org, effects) && !erase_some_nodes(txn, org, effects))
        return txn.complete_work(item.id);
    txn.reschedule_work(item.id, item.not_before, item.payload);
    effects.has_work = true;
}

}  // namespace edgesync::addressing
