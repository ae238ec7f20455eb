#include "kernel/plugins/older_transport.h"

#include <utility>

namespace edgesync::plugins {
namespace {

class TransportOfAbi10 final : public Transport {
public:
    explicit TransportOfAbi10(std::unique_ptr<Transport> older) : older_(std::move(older)) {}

    std::vector<SettingDeclaration> declare_settings() const override { return older_->declare_settings(); }
    void configure(const Settings& settings, Log& log) override { older_->configure(settings, log); }
    TransportTraits traits() const noexcept override { return older_->traits(); }
    /// A packet line could not say yet that it is up, and an ESS registers when it is.
    void start(TransportHost& host) override {
        older_->start(host);
        if (older_->traits().is_packet_line()) host.line_changed(true);
    }
    void drain() override { older_->drain(); }
    void stop() noexcept override { older_->stop(); }
    PeerAnswer send(const NodeKey& peer, const Message& message) override { return older_->send(peer, message); }
    PeerAnswer fetch(const NodeKey& peer, const DataRequest& request, DataSink& sink) override {
        return older_->fetch(peer, request, sink);
    }
    PeerAnswer push(const NodeKey& peer, const DataRequest& request, BlobReader& source, const std::string& sha256) override {
        return older_->push(peer, request, source, sha256);
    }
    void registration_changed(bool registered, const std::vector<std::string>& peer_capabilities) override {
        older_->registration_changed(registered, peer_capabilities);
    }

private:
    const std::unique_ptr<Transport> older_;
};

}  // namespace

std::unique_ptr<Transport> of_present_abi(std::unique_ptr<Transport> transport, std::uint32_t abi_minor) {
    static_assert(kAbiMajor == 1 && kAbiMinor == 1, "What did the new version add to Transport and Store? Older ones do not have it.");
    if (abi_minor >= 1) return transport;
    return std::make_unique<TransportOfAbi10>(std::move(transport));
}

}  // namespace edgesync::plugins
