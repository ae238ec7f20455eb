// CSS: the node protocol's endpoints on the kernel's listener. Maps requests to calls of the host and verdicts to status codes.
#pragma once

#include <string>
#include <vector>

#include "edgesync/sdk/http.h"
#include "edgesync/sdk/transport.h"
#include "failure_limiter.h"
#include "spi_path.h"

namespace edgesync::transport_http {

/// Thread-safe.
class SpiServer : public HttpHandler {
public:
    explicit SpiServer(TransportHost& host) : host_(host) {}

    std::int64_t body_limit(const HttpRequest& request) const override;
    std::unique_ptr<HttpBodySink> stream(const HttpRequest& request, const std::shared_ptr<HttpResponder>& responder) override;
    void handle(HttpRequest request, std::shared_ptr<HttpResponder> responder) override;

private:
    using Responder = std::shared_ptr<HttpResponder>;
    struct Call {
        NodeKey peer;
        std::vector<std::string> segments;  ///< Behind "/spi/v1/", decoded.
    };

    void dispatch(const HttpRequest& request, const Call& call, const Responder& responder);
    void registration(const HttpRequest& request, const Call& call, Command command, const Responder& responder);
    void poll(const HttpRequest& request, const Call& call, const Responder& responder);
    void object(const HttpRequest& request, const Call& call, const Responder& responder);
    void notification(const HttpRequest& request, const Call& call, const ObjectPath& path, const Responder& responder);
    void pass_on(const NodeKey& peer, Message message, const Responder& responder);

    TransportHost& host_;
    FailureLimiter limiter_;
};

}  // namespace edgesync::transport_http
