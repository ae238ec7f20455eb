// The transport `http`: server of the node protocol on a CSS, its client on an ESS.
#pragma once

#include <memory>
#include <optional>

#include "css_client.h"
#include "edgesync/sdk/transport.h"
#include "poll_loop.h"
#include "spi_server.h"

namespace edgesync::transport_http {

class HttpTransport : public Transport {
public:
    ~HttpTransport() override { stop(); }

    void configure(const Settings& settings, Log& log) override;
    TransportTraits traits() const noexcept override;
    void start(TransportHost& host) override;
    void drain() override;
    void stop() noexcept override;
    PeerAnswer send(const NodeKey& peer, const Message& message) override;
    PeerAnswer fetch(const NodeKey& peer, const DataRequest& request, DataSink& sink) override;
    PeerAnswer push(const NodeKey& peer, const DataRequest& request, BlobReader& source, const std::string& sha256) override;
    void registration_changed(bool registered, const std::vector<std::string>& peer_capabilities) override;

private:
    /// nullopt: HTTP implies this message.
    std::optional<CssCall> call_for(const Message& message) const;
    CssCall data_call(const DataRequest& request, const char* method) const;

    bool is_css_ = true;
    CssAddress address_;
    PollOptions poll_options_;
    std::chrono::milliseconds timeout_{120000};       ///< 0: none.
    std::chrono::milliseconds data_timeout_{600000};  ///< 0: none.
    std::chrono::milliseconds stall_{120000};         ///< Always ends a call on a dead line.
    Log* log_ = nullptr;
    TransportHost* host_ = nullptr;
    std::unique_ptr<SpiServer> server_;
    std::unique_ptr<CssClient> client_;
    std::unique_ptr<PollLoop> polling_;
};

}  // namespace edgesync::transport_http
