#include "edgesync/sdk/packets.h"

#include <algorithm>
#include <span>

#include "edgesync/sdk/error.h"

namespace edgesync::packets {
namespace {

/// More than a header and the names in it take, with what a line puts before it.
constexpr std::int64_t kOverhead = 8192;

enum class Attribution { Destination, Origin, Itself };

Attribution attribution_of(const Message& message) {
    switch (message.command) {
        case Command::Register:
        case Command::RegisterNew:
        case Command::Ping:
        case Command::Unregister:
        case Command::Resend: return Attribution::Itself;
        case Command::Updated:
        case Command::GetData:
        case Command::Received:
        case Command::Consumed:
        case Command::AckDelete:
        case Command::Deleted: return Attribution::Destination;
        case Command::Feedback: return message.feedback.from_origin ? Attribution::Origin : Attribution::Destination;
        default: return Attribution::Origin;
    }
}

std::string text_of(const std::string& type, const std::string& id) { return type + "/" + id; }

}  // namespace

std::string data_packet(const DataRequest& request, BlobReader& source) {
    const auto length = static_cast<std::size_t>(request.length);
    std::string packet = codec::encode_data_header(request.key, request.instance_id, request.offset, length);
    const std::size_t head = packet.size();
    packet.reserve(head + length);
    packet.resize(head + length);
    const auto octets = std::as_writable_bytes(std::span(packet)).subspan(head);
    std::size_t filled = 0;
    while (filled < length) {
        const std::size_t count = source.read(request.offset + static_cast<std::int64_t>(filled), octets.subspan(filled));
        if (count == 0) throw Error(ErrorKind::Io, "The stored data ends before its size");
        filled += count;
    }
    return packet;
}

std::int64_t largest_data(std::int64_t packet) noexcept { return std::max(packet - kOverhead, packet / 2); }

std::string check_sender(codec::DecodedCommand& command, const NodeKey& sender) {
    Metadata& meta = command.message.meta;
    const Attribution attribution = attribution_of(command.message);
    if (attribution == Attribution::Itself) {
        // A ping of a traditional node names nobody at times; what it names must be itself.
        if (command.destination.id.empty() || command.destination == sender) return {};
        return "it registers as " + text_of(command.destination.type, command.destination.id);
    }
    if (meta.org != sender.org) return "it names the organization " + meta.org;
    if (attribution == Attribution::Destination) {
        meta.destination_type = sender.type;
        meta.destination_id = sender.id;
        return {};
    }
    // Acknowledgements of a traditional node carry what it stored, with an origin that is itself.
    if (meta.origin_type == sender.type && meta.origin_id == sender.id) return {};
    return "it speaks for " + text_of(meta.origin_type, meta.origin_id);
}

}  // namespace edgesync::packets
