// A transport that was built with the SDK of ABI 1.0: a packet line that tells what it saw of its host.
#include <cstdlib>

#include "edgesync/sdk/transport.h"

namespace {

using namespace edgesync;

class OlderTransport final : public Transport {
public:
    void configure(const Settings&, Log&) override {}
    TransportTraits traits() const noexcept override { return {.largest_payload = 7}; }
    void start(TransportHost& host) override {
        host.report_unknown();
        seen_ = host.is_running() ? "running" : "not running";
        seen_ += " at " + std::to_string(host.now().time_since_epoch().count());
        host.log().log(LogLevel::Info, "the older one has started");
        if (host.settings().role() == NodeRole::Ess) seen_ += " on an ESS";
    }
    void drain() override { seen_ = "drained"; }
    void stop() noexcept override {}
    PeerAnswer send(const NodeKey& peer, const Message&) override { return {Verdict::Accepted, seen_ + ", to " + peer.id, {}}; }
    PeerAnswer fetch(const NodeKey&, const DataRequest&, DataSink&) override { throw Error(ErrorKind::Unsupported, "it fetches"); }
    PeerAnswer push(const NodeKey&, const DataRequest&, BlobReader&, const std::string&) override {
        return {Verdict::Accepted, "it pushes", {}};
    }
    void registration_changed(bool, const std::vector<std::string>& capabilities) override { seen_ = capabilities.at(0); }

    // Where later versions have functions of their own.
    virtual void trap_1() { std::abort(); }
    virtual void trap_2() { std::abort(); }
    virtual void trap_3() { std::abort(); }
    virtual void trap_4() { std::abort(); }

private:
    std::string seen_;
};

static_assert(kAbiMinor == 0);

}  // namespace

EDGESYNC_PLUGIN(Transport, "older", "1.0.0", OlderTransport);
