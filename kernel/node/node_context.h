// From configuration to what the rules know of the node.
#pragma once

#include <string>
#include <vector>

#include "edgesync/sdk/settings.h"
#include "edgesync/sdk/store.h"
#include "kernel/rules/node_context.h"

namespace edgesync::node {

/// The store outlives the context. `polled`: names of the transports whose peers fetch their messages. `pushes_data`: of the ESS's
/// transport.
rules::NodeContext make_context(const Settings& settings, const Store& store, std::vector<std::string> polled, bool pushes_data);

}  // namespace edgesync::node
