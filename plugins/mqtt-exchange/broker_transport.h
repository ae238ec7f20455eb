// A transport whose messages go through MQTT brokers: one line on an edge node and on a CSS with one organization, else one for each
// organization or messaging group.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "edgesync/sdk/transport.h"
#include "lines.h"

namespace edgesync::mqtt_exchange {

/// Thread-safe as Transport says.
class BrokerTransport : public Transport {
public:
    explicit BrokerTransport(mqtt_session::BrokerKind kind) : kind_(kind) {}
    ~BrokerTransport() override { stop(); }

    void configure(const Settings& settings, Log& log) override;
    TransportTraits traits() const noexcept override { return {}; }
    std::int64_t largest_payload(const NodeKey& peer) const override;
    void start(TransportHost& host) override;
    void drain() override;
    void stop() noexcept override;
    PeerAnswer send(const NodeKey& peer, const Message& message) override;
    PeerAnswer fetch(const NodeKey& peer, const DataRequest& request, DataSink& sink) override;
    PeerAnswer push(const NodeKey& peer, const DataRequest& request, BlobReader& source, const std::string& sha256) override;
    std::string communication() const override { return "mqtt"; }
    void leadership_changed(bool leads) override;
    std::optional<LineHealth> line_health() const override;

private:
    std::shared_ptr<Lines> lines() const;
    std::vector<LinePtr> all_lines() const;
    /// See Lines::to.
    LinePtr line_to(const NodeKey& peer) const;

    const mqtt_session::BrokerKind kind_;
    const Settings* settings_ = nullptr;
    Log* log_ = nullptr;
    std::atomic<bool> is_draining_{false};
    mutable std::mutex mutex_;
    std::shared_ptr<Lines> lines_;  ///< Null before the start; others may call by then.
};

}  // namespace edgesync::mqtt_exchange
