#include "broker_transport.h"

#include <algorithm>

#include "edgesync/sdk/error.h"

namespace edgesync::mqtt_exchange {

void BrokerTransport::configure(const Settings& settings, Log& log) {
    settings_ = &settings;
    log_ = &log;
    for (const auto& warning : mqtt_session::setting_warnings(settings)) log.log(LogLevel::Warning, warning);
    check_line_settings(settings, kind_);
}

void BrokerTransport::start(TransportHost& host) {
    const std::shared_ptr<Lines> made = make_lines({settings_, log_, &host, kind_, communication()});
    {
        const std::lock_guard lock(mutex_);
        lines_ = made;
    }
    made->start();
}

std::shared_ptr<Lines> BrokerTransport::lines() const {
    const std::lock_guard lock(mutex_);
    return lines_;
}

std::vector<LinePtr> BrokerTransport::all_lines() const {
    const auto all = lines();
    return all ? all->all() : std::vector<LinePtr>{};
}

LinePtr BrokerTransport::line_to(const NodeKey& peer) const {
    const auto all = lines();
    if (is_draining_ || !all) throw Error(ErrorKind::NotConnected, is_draining_ ? "this node stops" : "this node has not started");
    return all->to(peer);
}

std::int64_t BrokerTransport::largest_payload(const NodeKey& peer) const {
    try {
        const auto line = line_to(peer);
        return line ? line->largest_payload() : 0;
    } catch (const Error&) {
        return 0;  // Whoever sends meets the same.
    }
}

PeerAnswer BrokerTransport::send(const NodeKey& peer, const Message& message) {
    if (message.command == Command::Unregister) {
        throw Error(ErrorKind::Unsupported, "a node cannot leave over MQTT; the CSS forgets it when it is silent for long");
    }
    if (const LinePtr line = line_to(peer)) line->send(peer, message);
    return {};
}

PeerAnswer BrokerTransport::fetch(const NodeKey&, const DataRequest&, DataSink&) {
    throw Error(ErrorKind::Unsupported, "data is not fetched over MQTT, it comes in messages");
}

PeerAnswer BrokerTransport::push(const NodeKey& peer, const DataRequest& request, BlobReader& source, const std::string&) {
    if (const LinePtr line = line_to(peer)) line->push(peer, request, source);
    return {};
}

void BrokerTransport::leadership_changed(bool leads) {
    if (const auto all = lines()) all->set_leading(leads);
}

std::optional<LineHealth> BrokerTransport::line_health() const {
    LineHealth health;
    health.is_connected = true;
    const auto seconds = [](std::chrono::milliseconds time) { return std::chrono::ceil<std::chrono::seconds>(time); };
    const auto earliest = [](std::chrono::seconds known, std::chrono::seconds other) {
        return known.count() == 0 || (other.count() > 0 && other < known) ? other : known;
    };
    for (const auto& line : all_lines()) {
        const auto session = line->health();
        health.subscribe_failures += session.subscribe_failures;
        health.publish_failures += session.publish_failures;
        health.since_subscribe_failure = earliest(health.since_subscribe_failure, seconds(session.since_subscribe_error));
        health.since_publish_failure = earliest(health.since_publish_failure, seconds(session.since_publish_error));
        if (session.is_connected) continue;
        health.is_connected = false;
        health.problem = line->options().session.name + ": " + session.last_error;
        health.disconnected_for = std::max(health.disconnected_for, seconds(session.last_disconnect));
    }
    return health;
}

void BrokerTransport::drain() {
    is_draining_ = true;
    for (const auto& line : all_lines()) line->drain();
}

void BrokerTransport::stop() noexcept {
    if (const auto all = lines()) all->stop();
    stop_all(all_lines());
}

}  // namespace edgesync::mqtt_exchange
