// The smallest transport that the SDK's macro accepts.
#include "edgesync/sdk/transport.h"

namespace {

using namespace edgesync;

class GoodTransport final : public Transport {
public:
    void configure(const Settings&, Log&) override {}
    TransportTraits traits() const noexcept override { return {.largest_payload = 7}; }
    void start(TransportHost&) override {}
    void drain() override {}
    void stop() noexcept override {}
    PeerAnswer send(const NodeKey&, const Message&) override { return {}; }
    PeerAnswer fetch(const NodeKey&, const DataRequest&, DataSink&) override { return {}; }
    PeerAnswer push(const NodeKey&, const DataRequest&, BlobReader&, const std::string&) override { return {}; }
};

}  // namespace

EDGESYNC_PLUGIN(Transport, "good", "1.2.3", GoodTransport);
