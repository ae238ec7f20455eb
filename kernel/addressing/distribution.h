// Who gets an object: the destination set of a CSS object, kept in step with its metadata and with the nodes that register.
#pragma once

#include <optional>
#include <string>

#include "edgesync/sdk/store.h"
#include "kernel/rules/effects.h"
#include "kernel/rules/node_context.h"

namespace edgesync::addressing {

/// Fan-outs up to this many nodes happen in the transaction of the request; larger ones continue as durable work.
inline constexpr std::size_t kInlineFanOut = 32;

/// "type:id" -> node; nullopt if malformed.
std::optional<NodeKey> node_of_entry(const std::string& org, const std::string& entry);

/// Whether metadata without policy addresses the node: by id, type, list, or everybody of the org (object model 1.5).
bool addresses(const Metadata& meta, const NodeKey& node);

/// Tells the store what publishing an object with this metadata reads first.
void prefetch_for_publish(const rules::NodeContext& context, WriteTransaction& txn, const Metadata& meta);
/// The same for `remove_destination` of each.
void prefetch_for_removal(WriteTransaction& txn, const std::vector<DeliveryRecord>& deliveries);

/// @throws Error{InvalidRequest} "Invalid destination T:I" for a list entry that is malformed or not registered.
void check_list(ReadTransaction& txn, const std::string& org, const std::vector<std::string>& list);

/// CSS: brings the destinations of a stored object in line with its metadata; if it may be announced, announces it to all of them,
/// else they become pending. Nodes that are no longer addressed get a delete if they may hold the object. Objects with a policy
/// keep their destinations. ESS: announces to the CSS.
void distribute(const rules::NodeContext& context, WriteTransaction& txn, const ObjectRecord& object, rules::Effects& effects);

/// Sends a delete to every destination of a tombstone. True if there is none, so that the object can go at once.
bool withdraw(const rules::NodeContext& context, WriteTransaction& txn, const ObjectRecord& object, rules::Effects& effects);

// The next step of what `distribute` and `withdraw` left for later, inside `txn`, which also completes or reschedules `item`.
inline constexpr char kDistributeWork[] = "distribute";
inline constexpr char kWithdrawWork[] = "withdraw";
void continue_distribution(const rules::NodeContext& context, WriteTransaction& txn, const WorkItem& item, rules::Effects& effects);
void continue_withdrawal(const rules::NodeContext& context, WriteTransaction& txn, const WorkItem& item, rules::Effects& effects);

/// Makes a registered node a destination, announced if the object may be.
void add_destination(const rules::NodeContext& context, WriteTransaction& txn, const ObjectRecord& object, const DestinationRecord& node,
                     rules::Effects& effects);

/// Removes one destination from an object that stays; the node gets a delete if it may hold the object.
void remove_destination(const rules::NodeContext& context, WriteTransaction& txn, const ObjectRecord& object,
                        const DeliveryRecord& delivery, rules::Effects& effects);

/// Removes object, data, deliveries and notifications. True: a file outside the store must be removed as well (data_file.h).
bool purge(WriteTransaction& txn, const ObjectRecord& object);

/// Removes the object if it is a sender's tombstone that every destination has acknowledged.
void purge_if_withdrawn(WriteTransaction& txn, const ObjectKey& key);

}  // namespace edgesync::addressing
