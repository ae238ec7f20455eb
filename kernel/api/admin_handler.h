// The node itself: resend, shutdown, health (rest-api 8 to 10).
#pragma once

#include <atomic>

#include "kernel/api/call.h"

namespace edgesync::api {

class AdminHandler {
public:
    explicit AdminHandler(const Environment& environment) : environment_(environment) {}

    void resend(const CallPtr& call) const;
    void shutdown(const CallPtr& call) const;
    /// Authenticates by itself, because the parameters are checked before. `client_requests`: answered since the start.
    void health(const CallPtr& call, std::uint64_t client_requests) const;

private:
    const Environment& environment_;
};

}  // namespace edgesync::api
