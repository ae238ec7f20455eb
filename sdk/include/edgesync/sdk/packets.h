// What every packet line does with its packets, beside codec.h: how a chunk becomes one, and whom a command may speak for.
#pragma once

#include <cstdint>
#include <string>

#include "edgesync/sdk/codec.h"
#include "edgesync/sdk/transport.h"

namespace edgesync::packets {

/// The data message with the octets [offset, offset + length) of `source`. @throws Error{Io} if they end before
std::string data_packet(const DataRequest& request, BlobReader& source);

/// Octets of data that a packet of `packet` octets takes beside the longest names; 0 for 0, which stands for no known limit.
std::int64_t largest_data(std::int64_t packet) noexcept;

/// CSS: makes a command agree with the node that the line proves. A destination's answer that names another destination, as nodes give it
/// that were confused by a traditional CSS, is corrected; whatever else names another node, or another organization than the line
/// has, is refused. The reason, or empty: it may be handled as said by `sender`.
std::string check_sender(codec::DecodedCommand& command, const NodeKey& sender);

}  // namespace edgesync::packets
