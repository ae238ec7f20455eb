// Whom a command claims to come from, and whether the topic that it came on allows that.
#pragma once

#include <optional>
#include <string>

#include "edgesync/sdk/codec.h"

namespace edgesync::mqtt_exchange {

/// CSS: makes a command agree with the node that its topic proves (node protocol over MQTT, 6.1). A destination's answer that names another
/// destination, as nodes give it that were confused by a traditional CSS, is corrected; whatever else names another node, or another
/// organization than the connection has, is refused. The reason, or empty: it may be handled as said by `sender`.
std::string check_sender(codec::DecodedCommand& command, const NodeKey& sender);

}  // namespace edgesync::mqtt_exchange
