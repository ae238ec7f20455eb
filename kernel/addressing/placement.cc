#include "kernel/addressing/placement.h"

#include <set>

#include "edgesync/sdk/error.h"
#include "kernel/addressing/distribution.h"

namespace edgesync::addressing {
namespace {

using rules::Effects;
using rules::NodeContext;

constexpr std::size_t kPage = 1000;

ObjectRecord distributed_object(ReadTransaction& txn, const ObjectKey& key) {
    auto object = txn.object(key);
    if (!object) throw Error(ErrorKind::NotFound, "Object not found");
    if (object->side != Side::Sender)
        throw Error(ErrorKind::InvalidRequest, "Can't update destinations of an object of the receiving side");
    if (object->status == ObjectStatus::ObjDeleted) throw Error(ErrorKind::InvalidRequest, "Can't update destinations of a deleted object");
    return *object;
}

void check_count(const std::vector<std::string>& list) {
    if (list.size() > kMostPlaced)
        throw Error(ErrorKind::InvalidRequest, "More than " + std::to_string(kMostPlaced) + " destinations in one request");
}

NodeKey well_formed(const std::string& org, const std::string& entry) {
    auto node = node_of_entry(org, entry);
    if (!node) throw Error(ErrorKind::InvalidRequest, "Invalid destination " + entry);
    return *node;
}

/// @throws Error{InvalidRequest} before anything is changed
std::vector<DestinationRecord> registered(WriteTransaction& txn, const std::string& org, const std::vector<std::string>& list) {
    Prefetch names;
    for (const auto& entry : list) names.destinations.push_back(well_formed(org, entry));
    txn.prefetch(names);
    std::vector<DestinationRecord> nodes;
    for (const auto& entry : list) {
        auto node = txn.destination(well_formed(org, entry));
        if (!node) throw Error(ErrorKind::InvalidRequest, "Invalid destination " + entry);
        nodes.push_back(std::move(*node));
    }
    return nodes;
}

void add(const NodeContext& context, WriteTransaction& txn, const ObjectRecord& object, const std::vector<DestinationRecord>& nodes,
         Effects& effects) {
    Prefetch names;
    for (const auto& node : nodes) names.deliveries.emplace_back(object.key(), node.node);
    txn.prefetch(names);
    for (const auto& node : nodes) {
        if (!txn.delivery(object.key(), node.node)) add_destination(context, txn, object, node, effects);
    }
}

}  // namespace

void place(const NodeContext& context, WriteTransaction& txn, const ObjectKey& key, const std::vector<std::string>& list,
           Effects& effects) {
    check_count(list);
    const ObjectRecord object = distributed_object(txn, key);
    const auto nodes = registered(txn, key.org, list);
    std::set<NodeKey> wanted;
    for (const auto& node : nodes) wanted.insert(node.node);
    std::string cursor;
    do {
        auto page = txn.deliveries(key, cursor, kPage);
        std::erase_if(page.items, [&](const DeliveryRecord& delivery) { return wanted.contains(delivery.node); });
        if (!page.items.empty()) prefetch_for_removal(txn, page.items);
        for (const auto& delivery : page.items) remove_destination(context, txn, object, delivery, effects);
        cursor = page.next;
    } while (!cursor.empty());
    add(context, txn, object, nodes, effects);
}

void add_to_placed(const NodeContext& context, WriteTransaction& txn, const ObjectKey& key, const std::vector<std::string>& list,
                   Effects& effects) {
    check_count(list);
    const ObjectRecord object = distributed_object(txn, key);
    // Whoever replaces or deletes the object at the same time must see the new destinations, or fail: so the present ones are looked at.
    static_cast<void>(txn.deliveries(key, "", 1));
    add(context, txn, object, registered(txn, key.org, list), effects);
}

void remove_from_placed(const NodeContext& context, WriteTransaction& txn, const ObjectKey& key, const std::vector<std::string>& list,
                        Effects& effects) {
    check_count(list);
    const ObjectRecord object = distributed_object(txn, key);
    std::vector<NodeKey> nodes;
    for (const auto& entry : list) nodes.push_back(well_formed(key.org, entry));
    Prefetch names;
    for (const auto& node : nodes) names.deliveries.emplace_back(key, node);
    txn.prefetch(names);
    for (const auto& node : nodes) {
        const auto delivery = txn.delivery(key, node);
        if (delivery) remove_destination(context, txn, object, *delivery, effects);
    }
}

}  // namespace edgesync::addressing
