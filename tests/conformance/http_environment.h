// Two nodes that speak HTTP: the CSS behind the service's own listener, the ESS behind a forwarder that can be cut and silenced.
#pragma once

#include <memory>

#include "kernel/http/listener.h"
#include "tests/system/proxy.h"
#include "transport_environment.h"

namespace edgesync::conformance {

class HttpEnvironment : public TransportEnvironment, private HttpMount, private LineFaults {
public:
    void begin(const std::filesystem::path& folder) override;
    void end() override;
    PlainSettings::Values settings(NodeRole role, const NodeKey& self) override;
    HttpMount* http() override { return this; }
    LineFaults* faults() override { return this; }
    std::chrono::seconds longest_call() const override { return std::chrono::seconds(20); }

private:
    /// Threads of the listener; their order is that of their ends.
    struct Server {
        Server();
        ~Server();
        http::Router router;
        http::IoContext io{2};
        ops::WorkerPool workers;
        const int port;
        std::unique_ptr<http::Listener> listener;
    };

    void mount(const std::string& prefix, HttpHandler& handler) override { server_->router.mount(prefix, handler); }
    void open() override;
    void close() override;
    void cut() override { proxy_->cut(); }
    void restore() override;
    bool silence() override;

    std::unique_ptr<Server> server_;
    std::unique_ptr<system_test::Proxy> proxy_;
};

}  // namespace edgesync::conformance
