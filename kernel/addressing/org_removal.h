// Removing everything that a CSS has of one organization.
#pragma once

#include <string>

#include "edgesync/sdk/store.h"
#include "kernel/rules/effects.h"
#include "kernel/rules/node_context.h"

namespace edgesync::addressing {

inline constexpr char kOrgRemovalWork[] = "forget-org";

/// Queues it. Nodes keep their copies; those that go on calling are told to register again.
void enqueue_org_removal(const rules::NodeContext& context, WriteTransaction& txn, const std::string& org, rules::Effects& effects);

/// One step of the queued work: some hundred objects, nodes or entries.
void continue_org_removal(WriteTransaction& txn, const WorkItem& item, rules::Effects& effects);

}  // namespace edgesync::addressing
