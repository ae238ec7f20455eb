// What is owed to one node: to one that registers, comes back, or leaves, for all objects of its.
#pragma once

#include "edgesync/sdk/store.h"
#include "kernel/rules/effects.h"
#include "kernel/rules/node_context.h"

namespace edgesync::addressing {

inline constexpr char kWelcomeWork[] = "welcome";
inline constexpr char kRequeueWork[] = "requeue";
inline constexpr char kDetachWork[] = "detach";
inline constexpr char kSecondLookWork[] = "second-look";

/// Which of a returning node's objects are announced again (object model 6).
enum class ResendMode : std::uint8_t { Undelivered = 0, NotConsumed = 1, All = 2 };

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

// The next step of each, inside `txn`, which also completes or reschedules `item`.
void continue_welcome(const rules::NodeContext& context, WriteTransaction& txn, const WorkItem& item, rules::Effects& effects);
void continue_requeue(const rules::NodeContext& context, WriteTransaction& txn, const WorkItem& item, rules::Effects& effects);
void continue_second_look(const rules::NodeContext& context, WriteTransaction& txn, const WorkItem& item, rules::Effects& effects);
void continue_detach(const rules::NodeContext& context, WriteTransaction& txn, const WorkItem& item, rules::Effects& effects);

}  // namespace edgesync::addressing
