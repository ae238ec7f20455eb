// GET /livez and /readyz without credentials, for a supervisor or a load balancer (security 10.2). Only with AnonymousProbes.
#pragma once

#include <functional>
#include <string_view>

#include "edgesync/sdk/http.h"
#include "edgesync/sdk/settings.h"

namespace edgesync::node {

/// Of a peer's address as the listener gives it: "127.0.0.1:5000", "[::1]:5000", "unix".
bool is_same_machine(std::string_view remote_address);

/// Who is answered.
enum class ProbeCallers { SameMachine, Any };

/// AnonymousProbesFrom, which the configuration has checked.
ProbeCallers probe_callers(const Settings& settings);

/// 200 or 503 and nothing else that would tell about the node; 404, as if there were nothing, to who is not answered. Thread-safe.
class ProbeRoute : public HttpHandler {
public:
    /// `is_well` is called on I/O threads and must not block.
    ProbeRoute(ProbeCallers callers, std::function<bool()> is_well) : callers_(callers), is_well_(std::move(is_well)) {}

    std::int64_t body_limit(const HttpRequest&) const override { return 0; }
    void handle(HttpRequest request, std::shared_ptr<HttpResponder> responder) override;

private:
    const ProbeCallers callers_;
    const std::function<bool()> is_well_;
};

}  // namespace edgesync::node
