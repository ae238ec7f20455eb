// A transport plugin behind a watch: calls that hang are named, exceptions that are none of the SDK's become Error{Internal}.
#pragma once

#include <memory>

#include "edgesync/sdk/transport.h"
#include "kernel/plugins/call_watch.h"
#include "kernel/plugins/watched_handler.h"

namespace edgesync::plugins {

/// As thread-safe as the transport. `watch` outlives it. Not watched: `traits`, which neither throws nor changes.
class WatchedTransport final : public Transport {
public:
    WatchedTransport(std::unique_ptr<Transport> transport, CallWatch& watch);
    ~WatchedTransport() override;

    /// What the transport mounts, as it is to be mounted; lives as long as this. On the main thread.
    HttpHandler& watched_handler(HttpHandler& handler);

    std::vector<SettingDeclaration> declare_settings() const override;
    void configure(const Settings& settings, Log& log) override;
    TransportTraits traits() const noexcept override { return transport_->traits(); }
    void start(TransportHost& host) override;
    void drain() override;
    void stop() noexcept override;
    PeerAnswer send(const NodeKey& peer, const Message& message) override;
    PeerAnswer fetch(const NodeKey& peer, const DataRequest& request, DataSink& sink) override;
    PeerAnswer push(const NodeKey& peer, const DataRequest& request, BlobReader& source, const std::string& sha256) override;
    void registration_changed(bool registered, const std::vector<std::string>& peer_capabilities) override;
    std::int64_t largest_payload(const NodeKey& peer) const override;
    std::string communication() const override;
    void leadership_changed(bool leads) override;
    std::optional<LineHealth> line_health() const override;

private:
    std::unique_ptr<Transport> transport_;
    CallWatch& watch_;
    std::vector<std::unique_ptr<WatchedHandler>> handlers_;
    mutable LatestAnswer<std::optional<LineHealth>> line_health_;
};

}  // namespace edgesync::plugins
