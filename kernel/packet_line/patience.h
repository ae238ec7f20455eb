// How long data that was asked for may take before it counts as lost (node protocol over MQTT, 7.5).
#pragma once

#include <chrono>
#include <cstdint>

#include "kernel/rules/node_context.h"

namespace edgesync::packet_line {

/// `octets` that are asked for; 0: none, or it is not known how many. What fits into one message of any broker comes within a round trip;
/// large chunks share a slow line with others.
inline std::chrono::seconds patience(const rules::NodeContext& context, std::int64_t octets) {
    constexpr std::int64_t kSmall = 65536;
    return octets <= kSmall ? context.resend_interval : 6 * context.resend_interval;
}

}  // namespace edgesync::packet_line
