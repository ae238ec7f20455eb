#include "sender_identity.h"

namespace edgesync::mqtt_exchange {
namespace {

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

}  // namespace edgesync::mqtt_exchange
