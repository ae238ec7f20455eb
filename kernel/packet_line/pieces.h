// A chunk as several messages, between our own nodes: GetData that lists `pieces` among its capabilities may be answered by several data
// messages that together have what was asked for. The one that answers says in RegAck that it does that.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "kernel/packet_line/capabilities.h"

namespace edgesync::packet_line {

/// Octets of a piece. With names and header a message stays below 128 KiB, above which the memory of each message is got from the system
/// and given back, in the nodes and in brokers: mosquitto forwards three times as much in messages of this size as in those of 5 MiB.
inline constexpr std::int64_t kPiece = 120 * 1024;

/// Of one object under way at once, 11 MiB: brokers throw away what does not fit their queues (mosquitto: 1,000 messages), and this
/// fills a line of 100 MiB/s with 100 ms there and back.
inline constexpr std::int64_t kMaxPieces = 96;

/// Of a GetData: who asks takes pieces; of a RegAck: who answers gives them.
inline bool takes_pieces(const std::vector<std::string>& capabilities) {
    return std::find(capabilities.begin(), capabilities.end(), kPieces) != capabilities.end();
}

}  // namespace edgesync::packet_line
