// How a sender tells its destinations about an object: one notification and one delivery record each.
#pragma once

#include <string>

#include "edgesync/sdk/store.h"
#include "kernel/rules/effects.h"
#include "kernel/rules/node_context.h"

namespace edgesync::addressing {

/// Puts an `update` for one destination: "updatePending" for peers that poll, "update" (to be sent) for others.
void notify_update(const rules::NodeContext& context, WriteTransaction& txn, const ObjectRecord& object, const NodeKey& peer,
                   const std::string& protocol, rules::Effects& effects);

/// Puts a `delete` for one destination, whatever was in progress with it.
void notify_delete(const rules::NodeContext& context, WriteTransaction& txn, const ObjectRecord& object, const NodeKey& peer,
                   const std::string& protocol, rules::Effects& effects);

/// CSS: what `notify_update` puts for each of many nodes, and the delivery records of an object that may be announced; for one that may
/// not, they become pending and nothing is put.
FanOut update_for_many(const rules::NodeContext& context, const ObjectRecord& object);
/// CSS: what `notify_delete` puts for each destination.
FanOut delete_for_many(const rules::NodeContext& context, const ObjectRecord& object);
/// Carries out a step of either. False: nodes got something that were not woken, so the whole organization must be at the end.
bool notify_many(WriteTransaction& txn, const FanOut& order, std::string& cursor, std::size_t limit, std::size_t& count,
                 rules::Effects& effects);

/// ESS: whether the CSS has the data of this own object, because it confirmed it, or because it had confirmed it before this version,
/// which left the data as it was.
bool is_data_at_cloud(const rules::NodeContext& context, ReadTransaction& txn, const ObjectRecord& object);

/// Puts a message of the receiving side (`received`, `consumed`, `deleted`) for the object's origin.
void notify_origin(const rules::NodeContext& context, WriteTransaction& txn, const ObjectRecord& object, NotificationStatus status,
                   rules::Effects& effects);

/// The protocol by which `node` registered; empty if it is not registered. On an ESS: of its only peer.
std::string protocol_of(const rules::NodeContext& context, ReadTransaction& txn, const NodeKey& node);

/// The peer part of the record about a received object: its origin, on an ESS always the CSS.
NodeKey origin_of(const rules::NodeContext& context, const Metadata& meta);

/// True if the object may be announced: ready and active.
bool is_announceable(const ObjectRecord& object);

}  // namespace edgesync::addressing
