// Takes the data that a node pushes to its CSS: a whole body or one range of it (node protocol 9.2).
#pragma once

#include <memory>
#include <string>

#include "edgesync/sdk/transport.h"
#include "kernel/data/chunked_upload.h"
#include "kernel/rules/node_context.h"
#include "kernel/rules/operation.h"
#include "kernel/rules/scheduler.h"

namespace edgesync::node {

struct ReceptionParts {
    const rules::NodeContext& context;
    rules::Operations& operations;
    rules::Scheduler& scheduler;
    data::UploadDigests& digests;
    std::int64_t largest_object;  ///< Bytes; 0: unlimited.
    data::ReceivedFiles* files;   ///< Null: all data stays in the store.
};

/// See TransportHost::receive_data. The parts outlive the receiver.
std::unique_ptr<DataReceiver> make_data_receiver(const ReceptionParts& parts, const NodeKey& peer, const DataRequest& range,
                                                 std::int64_t body_length, const std::string& repr_sha256,
                                                 const std::string& content_sha256);

}  // namespace edgesync::node
