// The kernel as a transport sees it that carries nothing but messages (packet_line/): what other lines have calls for comes as messages.
#pragma once

#include <functional>
#include <string>
#include <utility>

#include "kernel/node/announced_digests.h"
#include "kernel/node/transport_host.h"
#include "kernel/packet_line/chunk_repeater.h"
#include "kernel/packet_line/chunk_service.h"
#include "kernel/packet_line/dispatcher.h"
#include "kernel/packet_line/packet_transport.h"
#include "kernel/packet_line/turns_by_line.h"

namespace edgesync::node {

/// Of one line. All outlive the transport.
struct PacketParts {
    packet_line::PacketTransport* transport = nullptr;
    packet_line::ChunkService* chunks = nullptr;
    packet_line::TurnsByLine* chunk_turns = nullptr;
    packet_line::Dispatcher* dispatcher = nullptr;   ///< CSS
    packet_line::ChunkRepeater* repeater = nullptr;  ///< CSS
    std::function<void(bool is_connected)> line_changed;
};

class PacketHost : public NodeTransportHost {
public:
    PacketHost(HostParts parts, PacketParts packets) : NodeTransportHost(std::move(parts)), packets_(std::move(packets)) {}

    void handle(const NodeKey& peer, Message message, std::function<void(HandleResult)> done) override;
    std::unique_ptr<DataReceiver> receive_data(const NodeKey& peer, const DataRequest& range, std::int64_t body_length,
                                               const std::string& repr_sha256, const std::string& content_sha256) override;
    void line_changed(bool is_connected) override;

private:
    void handle_update(const NodeKey& peer, Message message, std::function<void(HandleResult)> done);
    void handle_at_edge(const NodeKey& peer, Message message, std::function<void(HandleResult)> done);
    void serve_chunk(const NodeKey& peer, Message question, std::function<void(HandleResult)> done);

    PacketParts packets_;
    AnnouncedDigests digests_;  ///< CSS
};

}  // namespace edgesync::node
