// CSS: takes one chunk of a node's object that came as a message, and asks for the next one (node protocol over MQTT, 7.4).
#pragma once

#include <memory>

#include "edgesync/sdk/transport.h"
#include "kernel/node/data_receiver.h"

namespace edgesync::node {

/// See TransportHost::receive_data; `range` has neither data id nor total; `announced_sha256` is the digest that the update named, or
/// empty. What is late, repeated, foreign or unasked is ignored. The result's replies are what the node must be told: the next request, or
/// feedback. The parts outlive the receiver.
std::unique_ptr<DataReceiver> make_packet_receiver(const ReceptionParts& parts, const NodeKey& peer, const DataRequest& range,
                                                   const std::string& announced_sha256);

}  // namespace edgesync::node
