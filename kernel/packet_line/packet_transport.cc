#include "kernel/packet_line/packet_transport.h"

#include <algorithm>

#include "kernel/packet_line/capabilities.h"

namespace edgesync::packet_line {

PacketTransport::PacketTransport(const rules::NodeContext& context, Transport& line)
    : context_(context), line_(line), chunks_(context, [this](const Message& message) { send(context_.cloud(), message); }) {}

TransportTraits PacketTransport::traits() const noexcept {
    TransportTraits traits = line_.traits();
    traits.fetches_data = !context_.is_css();
    return traits;
}

PeerAnswer PacketTransport::send(const NodeKey& peer, const Message& message) {
    if (message.command == Command::Register || message.command == Command::RegisterNew) {
        Message announced = message;
        announced.capabilities = {kDigest};
        return line_.send(peer, announced);
    }
    const bool is_about_data = message.command == Command::Update || message.command == Command::GetData;
    std::int64_t chunk = message.meta.chunk_size;
    // Traditional receivers divide by it.
    if (chunk <= 0) chunk = context_.max_chunk_size;
    if (const auto largest = line_.largest_payload(peer); largest > 0) chunk = std::min(chunk, largest);
    // What comes in pieces fits in any case.
    const bool is_in_pieces = message.command == Command::GetData && takes_pieces(message.capabilities);
    if (!is_about_data || is_in_pieces || chunk == message.meta.chunk_size) return line_.send(peer, message);
    Message fitting = message;
    fitting.meta.chunk_size = static_cast<std::int32_t>(chunk);
    return line_.send(peer, fitting);
}

PeerAnswer PacketTransport::fetch(const NodeKey&, const DataRequest& request, DataSink& sink) { return chunks_.fetch(request, sink); }

}  // namespace edgesync::packet_line
