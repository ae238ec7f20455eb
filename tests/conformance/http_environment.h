// Two nodes that speak HTTP: the CSS behind the service's own listener, the ESS behind a forwarder that can be cut and silenced.
#pragma once

#include <memory>

#include "service_listener.h"
#include "tests/system/proxy.h"
#include "transport_environment.h"

namespace edgesync::conformance {

class HttpEnvironment : public TransportEnvironment, private LineFaults {
public:
    void begin(const std::filesystem::path& folder) override;
    void end() override;
    PlainSettings::Values settings(NodeRole role, const NodeKey& self) override;
    HttpMount* http() override { return listener_.get(); }
    LineFaults* faults() override { return this; }
    std::chrono::seconds longest_call() const override { return std::chrono::seconds(20); }

private:
    void cut() override { proxy_->cut(); }
    void restore() override;
    bool silence() override;

    std::unique_ptr<HttpMount> listener_;
    std::unique_ptr<system_test::Proxy> proxy_;
};

}  // namespace edgesync::conformance
