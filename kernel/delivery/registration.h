// CSS: nodes come, return, say that they live, and leave (object model 6, node protocol 6.2).
#pragma once

#include "edgesync/sdk/message.h"
#include "edgesync/sdk/store.h"
#include "kernel/rules/effects.h"
#include "kernel/rules/node_context.h"

namespace edgesync::delivery {

/// Register, RegisterNew, Ping, Unregister or Resend of `peer`.
HandleResult handle_registration(const rules::NodeContext& context, WriteTransaction& txn, const NodeKey& peer, const Message& message,
                                 rules::Effects& effects);

/// What a node is told that is not known (any more).
Message must_register();

/// Removes nodes that were silent since `before`, up to `limit`; returns how many.
std::size_t remove_inactive(const rules::NodeContext& context, WriteTransaction& txn, TimePoint before, std::size_t limit,
                            rules::Effects& effects);

}  // namespace edgesync::delivery
