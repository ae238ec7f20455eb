// Durable work that requests leave behind: how it is queued, and how its steps end.
#pragma once

#include <string>

#include "edgesync/sdk/store.h"
#include "kernel/rules/effects.h"
#include "kernel/rules/node_context.h"

namespace edgesync::addressing {

/// Nodes or objects per transaction of continued work that looks at them one by one.
inline constexpr std::size_t kWorkStep = 250;

/// Queues work that is to be done at once.
void enqueue(const rules::NodeContext& context, WriteTransaction& txn, const char* kind, const std::string& payload,
             rules::Effects& effects);

/// Completes the item, or leaves it with the payload of its next step.
void finish_step(WriteTransaction& txn, const WorkItem& item, bool finished, const std::string& payload, rules::Effects& effects);

/// One step of a work item of this room, inside `txn`, which also completes or reschedules it.
void run_work_step(const rules::NodeContext& context, WriteTransaction& txn, const WorkItem& item, rules::Effects& effects);

}  // namespace edgesync::addressing
