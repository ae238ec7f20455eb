#include "kernel/plugins/watched_transport.h"

namespace edgesync::plugins {
namespace {

/// The transfer is on time as long as octets come.
class WatchedSink final : public DataSink {
public:
    WatchedSink(DataSink& sink, CallWatch::Running& running) : sink_(sink), running_(running) {}

    bool begin(bool whole, std::int64_t length, const std::string& repr_sha256) override {
        running_.progressed();
        return sink_.begin(whole, length, repr_sha256);
    }
    bool write(std::span<const std::byte> octets) override {
        running_.progressed();
        const bool goes_on = sink_.write(octets);
        running_.progressed();
        return goes_on;
    }

private:
    DataSink& sink_;
    CallWatch::Running& running_;
};

class WatchedSource final : public BlobReader {
public:
    WatchedSource(BlobReader& source, CallWatch::Running& running) : source_(source), running_(running) {}

    std::int64_t size() const override { return source_.size(); }
    std::size_t read(std::int64_t offset, std::span<std::byte> out) override {
        running_.progressed();
        const std::size_t count = source_.read(offset, out);
        running_.progressed();
        return count;
    }
    // No descriptor: what the system sends by itself is not seen to progress.

private:
    BlobReader& source_;
    CallWatch::Running& running_;
};

}  // namespace

WatchedTransport::WatchedTransport(std::unique_ptr<Transport> transport, CallWatch& watch)
    : transport_(std::move(transport)), watch_(watch) {}

WatchedTransport::~WatchedTransport() {
    watched_without_failure(watch_, "its destructor", [&] { transport_.reset(); });
}

HttpHandler& WatchedTransport::watched_handler(HttpHandler& handler) {
    return *handlers_.emplace_back(std::make_unique<WatchedHandler>(handler, watch_));
}

std::vector<SettingDeclaration> WatchedTransport::declare_settings() const {
    return watched(watch_, "declare_settings", [&] { return transport_->declare_settings(); });
}

void WatchedTransport::configure(const Settings& settings, Log& log) {
    watched_at_start(watch_, "configure", [&] { transport_->configure(settings, log); });
}

void WatchedTransport::start(TransportHost& host) {
    watched_at_start(watch_, "start", [&] { transport_->start(host); });
}

void WatchedTransport::drain() {
    watched_without_failure(watch_, "drain", [&] { transport_->drain(); });
}

void WatchedTransport::stop() noexcept {
    const CallWatch::Running running(watch_, "stop");
    transport_->stop();
}

PeerAnswer WatchedTransport::send(const NodeKey& peer, const Message& message) {
    return watched(watch_, "send", [&] { return transport_->send(peer, message); });
}

PeerAnswer WatchedTransport::fetch(const NodeKey& peer, const DataRequest& request, DataSink& sink) {
    return watched(watch_, "fetch", [&](CallWatch::Running& running) {
        WatchedSink watched_sink(sink, running);
        return transport_->fetch(peer, request, watched_sink);
    });
}

PeerAnswer WatchedTransport::push(const NodeKey& peer, const DataRequest& request, BlobReader& source, const std::string& sha256) {
    return watched(watch_, "push", [&](CallWatch::Running& running) {
        WatchedSource watched_source(source, running);
        return transport_->push(peer, request, watched_source, sha256);
    });
}

void WatchedTransport::registration_changed(bool registered, const std::vector<std::string>& peer_capabilities) {
    watched_without_failure(watch_, "registration_changed", [&] { transport_->registration_changed(registered, peer_capabilities); });
}

std::int64_t WatchedTransport::largest_payload(const NodeKey& peer) const {
    std::int64_t largest = traits().largest_payload;
    watched_without_failure(watch_, "largest_payload", [&] { largest = transport_->largest_payload(peer); });
    return largest;
}

std::string WatchedTransport::communication() const {
    std::string name;
    watched_without_failure(watch_, "communication", [&] { name = transport_->communication(); });
    return name;
}

void WatchedTransport::leadership_changed(bool leads) {
    watched_without_failure(watch_, "leadership_changed", [&] { transport_->leadership_changed(leads); });
}

std::optional<LineHealth> WatchedTransport::line_health() const {
    return line_health_.ask([this] {
        std::optional<LineHealth> health;
        watched_without_failure(watch_, "line_health", [&] { health = transport_->line_health(); });
        return health;
    });
}

}  // namespace edgesync::plugins
