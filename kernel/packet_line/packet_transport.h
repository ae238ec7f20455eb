// A transport that carries nothing but messages, seen as the kernel's parts want to see one: they fetch data, and this asks for chunks.
#pragma once

#include <functional>

#include "edgesync/sdk/transport.h"
#include "kernel/packet_line/chunk_fetch.h"
#include "kernel/packet_line/pieces.h"
#include "kernel/rules/node_context.h"

namespace edgesync::packet_line {

/// Thread-safe. The line outlives it; its life cycle stays with whoever loaded it.
class PacketTransport : public Transport {
public:
    PacketTransport(const rules::NodeContext& context, Transport& line);

    void configure(const Settings&, Log&) override {}
    void start(TransportHost&) override {}
    void drain() override {}
    void stop() noexcept override {}

    /// The line's, but `fetches_data`, on an ESS.
    TransportTraits traits() const noexcept override;
    /// With a chunk size that the line takes, whatever the object was published with.
    PeerAnswer send(const NodeKey& peer, const Message& message) override;
    std::int64_t largest_payload(const NodeKey& peer) const override { return line_.largest_payload(peer); }
    PeerAnswer fetch(const NodeKey& peer, const DataRequest& request, DataSink& sink) override;
    PeerAnswer push(const NodeKey& peer, const DataRequest& request, BlobReader& source, const std::string& sha256) override {
        return line_.push(peer, request, source, sha256);
    }
    void registration_changed(bool registered, const std::vector<std::string>& peer_capabilities) override {
        chunks_.set_gives_pieces(takes_pieces(peer_capabilities));
        line_.registration_changed(registered, peer_capabilities);
    }

    ChunkFetch& chunks() { return chunks_; }

private:
    const rules::NodeContext& context_;
    Transport& line_;
    ChunkFetch chunks_;
};

}  // namespace edgesync::packet_line
