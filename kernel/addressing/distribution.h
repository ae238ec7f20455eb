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
/// Nodes or objects per transaction of continued work that looks at them one by one.
inline constexpr std::size_t kWorkStep = 250;

inline constexpr char kDistributeWork[] = "distribute";
inline constexpr char kWithdrawWork[] = "withdraw";
inline constexpr char kWelcomeWork[] = "welcome";
inline constexpr char kRequeueWork[] = "requeue";
inline constexpr char kDetachWork[] = "detach";
inline constexpr char kSecondLookWork[] = "second-look";

/// Which of a returning node's objects are announced again (object model 6).
enum class ResendMode : std::uint8_t { Undelivered = 0, NotConsumed = 1, All = 2 };

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

/// One step of a work item of the kinds above, inside `txn`, which also completes or reschedules it.
void run_work_step(const rules::NodeContext& context, WriteTransaction& txn, const WorkItem& item, rules::Effects& effects);

/// Queues the work of announcing to a node that registered or asked for a resend.
void enqueue_welcome(const rules::NodeContext& context, WriteTransaction& txn, const NodeKey& node, ResendMode mode,
                     rules::Effects& effects);
/// Where transactions run at the same time, queues a second look at what a node that registered gets, when those are over that run now. A
/// publish that lists nodes, and a welcome that lists objects, may each have begun before the other one's end, and miss each other: then
/// the node is no destination of the object, or of its last version, or it is one of an object that was deleted. A node that is not new
/// is looked at only as far as it is a destination.
void enqueue_second_look(const rules::NodeContext& context, WriteTransaction& txn, const NodeKey& node, bool is_new, bool has_new_protocol,
                         rules::Effects& effects);
/// Queues the repetition of a known node's open notifications.
void enqueue_requeue(const rules::NodeContext& context, WriteTransaction& txn, const NodeKey& node, rules::Effects& effects);
/// Queues the removal of a node from every object, and of its notifications.
void enqueue_detach(const rules::NodeContext& context, WriteTransaction& txn, const NodeKey& node, rules::Effects& effects);

}  // namespace edgesync::addressing
