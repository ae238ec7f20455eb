// The transports of a node that carry nothing but messages, with what they share.
#pragma once

#include <list>
#include <memory>
#include <string>

#include "edgesync/sdk/transport.h"
#include "kernel/files/data_files.h"
#include "kernel/node/packet_host.h"

namespace edgesync::node {

/// Set up by one thread before the transports start; afterwards thread-safe.
class PacketLines {
public:
    PacketLines(const rules::NodeContext& context, rules::Operations& operations, rules::Scheduler& scheduler,
                const files::DataFiles& files, Log& log);

    /// A host for such a transport, which refers to this object. `name`: of the plugin. `line_changed`: see TransportHost.
    std::unique_ptr<NodeTransportHost> make_host(const std::string& name, Transport& line, HostParts parts,
                                                 std::function<void(bool is_connected)> line_changed);
    /// ESS, before the transports start: see ChunkService.
    void report_to(packet_line::ChunkService::Unreadable unreadable, packet_line::ChunkService::Readable readable) {
        chunks_.report_to(std::move(unreadable), std::move(readable));
    }
    /// The transport as the other parts use it: `line` itself unless a host was made for it here.
    Transport& seen(Transport& line);

    /// CSS: sends the message that the record stands for, if its node is reached by one of these lines.
    void send(const rules::ExchangeKey& key) { dispatcher_.send(key); }
    /// CSS: asks again for data that does not come. Blocks on the store.
    void look() {
        if (!lines_.empty()) repeater_.look();
    }
    /// ESS: ends what waits for data.
    void drain() {
        for (auto& line : lines_) line.transport.chunks().stop();
    }
    /// Ends; returns when no call to a transport is running that was begun here.
    void stop() { dispatcher_.stop(); }

private:
    struct Line {
        Line(const rules::NodeContext& context, Transport& line_in) : line(line_in), transport(context, line_in) {}
        Transport& line;
        packet_line::PacketTransport transport;
    };

    const rules::NodeContext& context_;
    packet_line::ChunkService chunks_;
    packet_line::Dispatcher dispatcher_;
    packet_line::ChunkRepeater repeater_;
    packet_line::TurnsByLine chunk_turns_;
    std::list<Line> lines_;
};

}  // namespace edgesync::node
