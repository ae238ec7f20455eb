// Destinations that an application, or a policy engine, chooses one by one (rest-api 3.8). CSS only.
#pragma once

#include <string>
#include <vector>

#include "edgesync/sdk/store.h"
#include "kernel/rules/effects.h"
#include "kernel/rules/node_context.h"

namespace edgesync::addressing {

/// Entries of one request, "type:id".
inline constexpr std::size_t kMostPlaced = 10000;

/// The complete new list. Nodes that stay keep their status; those that go get a delete if they may hold the object.
/// @throws Error{NotFound} no such object; Error{InvalidRequest} "Invalid destination T:I" for an entry that is malformed or not
/// registered, and for objects that this node does not distribute; then nothing is changed
void place(const rules::NodeContext& context, WriteTransaction& txn, const ObjectKey& key, const std::vector<std::string>& list,
           rules::Effects& effects);

/// Adds the nodes that the object does not have yet. @throws as `place`
void add_to_placed(const rules::NodeContext& context, WriteTransaction& txn, const ObjectKey& key, const std::vector<std::string>& list,
                   rules::Effects& effects);

/// Removes the nodes that the object has. Nodes that are not registered any more are fine. @throws as `place`, for malformed entries only
void remove_from_placed(const rules::NodeContext& context, WriteTransaction& txn, const ObjectKey& key,
                        const std::vector<std::string>& list, rules::Effects& effects);

}  // namespace edgesync::addressing
