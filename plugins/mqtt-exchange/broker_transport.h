// A transport whose messages go through MQTT brokers: one line on an edge node and on a CSS with one organization, else one for each
// organization or messaging group.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "broker_line.h"
#include "broker_options.h"
#include "edgesync/sdk/transport.h"

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
    using LinePtr = std::shared_ptr<BrokerLine>;

    LineOptions line_options(mqtt_session::SessionOptions session, const std::string& org) const;
    void start_only_line();
    /// Until `stop`: connects organizations that come, and reconnects those whose record changed.
    void follow_accounts();
    void look_at_accounts();
    LinePtr new_line(const BrokerAccount& account);
    LinePtr line_to(const NodeKey& peer) const;
    std::vector<LinePtr> all_lines() const;

    const mqtt_session::BrokerKind kind_;
    const Settings* settings_ = nullptr;
    Log* log_ = nullptr;
    TransportHost* host_ = nullptr;
    mqtt_session::TopicRules rules_;
    Parallelism parallelism_;
    bool has_accounts_ = false;  ///< CSS with many organizations: each has a broker.

    mutable std::mutex mutex_;
    std::condition_variable stopping_;
    std::map<std::string, LinePtr> lines_;  ///< By organization; the only line of others has the name "".
    std::map<std::string, BrokerAccount> accounts_;
    std::map<std::string, std::string> problems_;  ///< Of organizations without a line, as they were logged.
    bool leads_ = false;
    bool is_draining_ = false;
    bool is_stopped_ = false;
    std::thread follower_;
};

}  // namespace edgesync::mqtt_exchange
