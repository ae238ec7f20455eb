// Which chunks a receiver asks the origin for when the line carries nothing but messages (node protocol over MQTT, 7.2 and 7.4). No state
// is kept beside the records: the chunks form as many lanes as may be under way at once, each chunk that arrives asks for the next one of
// its lane, and whichever instance of a CSS gets it can do that. What is lost stops a lane until a look at the records asks again.
#pragma once

#include <optional>
#include <vector>

#include "edgesync/sdk/message.h"
#include "edgesync/sdk/store.h"
#include "kernel/rules/node_context.h"

namespace edgesync::delivery {

/// GetData messages for the first chunks that the version lacks, as many as may be under way. None if it is not being received.
std::vector<Message> first_chunk_requests(const rules::NodeContext& context, ReadTransaction& txn, const ObjectRecord& object);

/// The request that follows the arrival of octets at `offset`: for the rest of their chunk, if the sender's are smaller, else for the next
/// chunk of the lane; nullopt: it is at the end.
std::optional<Message> next_chunk_request(const rules::NodeContext& context, ReadTransaction& txn, const ObjectRecord& object,
                                          std::int64_t offset);

}  // namespace edgesync::delivery
