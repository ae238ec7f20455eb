// The body of the health answer (rest-api 10).
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "edgesync/sdk/store.h"
#include "edgesync/sdk/transport.h"
#include "kernel/api/context.h"

namespace edgesync::api {

struct Usage {
    std::uint64_t client_requests = 0;
    std::uint64_t registered_nodes = 0;
    std::uint64_t stored_objects = 0;
};

struct HealthFacts {
    bool is_css = true;
    TimePoint now{};
    std::chrono::seconds resend_interval{10};
    StoreHealth store;
    HealthExtras extras;
    bool is_for_administrators = false;  ///< Of the whole node: they are told what is wrong with store, line and plugins.
    std::optional<Usage> usage;
};

std::string health_report(const HealthFacts& facts);

/// Adds the line of a transport to the brokers' part: red while disconnected or shortly after a failed subscription, yellow some time after
/// one or shortly after a failed publication (rest-api 8).
void add_line(std::optional<MqttHealth>& all, const std::string& transport, const LineHealth& line, std::chrono::seconds resend_interval);

}  // namespace edgesync::api
