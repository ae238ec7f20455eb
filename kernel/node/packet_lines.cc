#include "kernel/node/packet_lines.h"

#include "kernel/data/source_file.h"

namespace edgesync::node {
namespace {

/// Of the workers for lines (node.cc), those that answer requests for data of one of many organizations: none may take them all while its
/// broker stalls.
constexpr int kMostChunksAtOnce = 4;

OpenedData open_for_sending(rules::Operations& operations, const files::DataFiles& files, const ObjectRecord& object) {
    OpenedData opened;
    if (!object.data) {
        if (object.meta.source_data_uri.empty()) return opened;
        auto source = data::open_source(files, object);
        opened.reader = std::move(source.reader);
        opened.sha256 = std::move(source.sha256);
        return opened;
    }
    operations.store().read([&](ReadTransaction& txn) {
        if (const auto blob = txn.blob(*object.data)) opened.sha256 = blob->sha256;
        opened.reader = txn.open_blob(*object.data);
    });
    return opened;
}

}  // namespace

PacketLines::PacketLines(const rules::NodeContext& context, rules::Operations& operations, rules::Scheduler& scheduler,
                         const files::DataFiles& files, Log& log)
    : context_(context), chunks_(context, operations, scheduler,
                                 [&operations, &files](const ObjectRecord& object) { return open_for_sending(operations, files, object); }),
      dispatcher_(context, operations, scheduler, log, operations.store().traits().is_shared),
      repeater_(context, operations, dispatcher_, log), chunk_turns_(context.is_css() && context.self.org.empty() ? kMostChunksAtOnce : 0) {
}

std::unique_ptr<NodeTransportHost> PacketLines::make_host(const std::string& name, Transport& line, HostParts parts,
                                                          std::function<void(bool is_connected)> line_changed) {
    Line& added = lines_.emplace_back(context_, line);
    PacketParts packets;
    packets.transport = &added.transport;
    packets.chunks = &chunks_;
    packets.chunk_turns = &chunk_turns_;
    packets.line_changed = std::move(line_changed);
    if (context_.is_css()) {
        const std::string communication = line.communication();
        dispatcher_.add(communication.empty() ? name : communication, added.transport);
        packets.dispatcher = &dispatcher_;
        packets.repeater = &repeater_;
    }
    return std::make_unique<PacketHost>(std::move(parts), std::move(packets));
}

Transport& PacketLines::seen(Transport& line) {
    for (auto& known : lines_) {
        if (&known.line == &line) return known.transport;
    }
    return line;
}

}  // namespace edgesync::node
