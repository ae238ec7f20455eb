// CSS: the data of one version, sent to a node or pushed by one, whole or in ranges (node protocol 8.1 and 9.2).
#pragma once

#include <memory>

#include "edgesync/sdk/http.h"
#include "edgesync/sdk/transport.h"
#include "spi_path.h"

namespace edgesync::transport_http {

/// Answers a GET of data. Opens it and reads at most kSmallPart octets; the rest is sent by the listener.
void send_data(TransportHost& host, const HttpRequest& request, const NodeKey& peer, const ObjectPath& path, HttpResponder& responder);

/// Ranges up to this size carry a Content-Digest of their own.
inline constexpr std::int64_t kSmallPart = 64 * 1024;

/// One PUT of data. See HttpBodySink.
class DataUpload : public HttpBodySink {
public:
    DataUpload(TransportHost& host, const HttpRequest& request, std::shared_ptr<HttpResponder> responder);
    ~DataUpload() override;

    bool start() override;
    bool write(std::span<const std::byte> window) override;
    void finish() override;
    void abort() noexcept override;

private:
    bool refuse(int status, const std::string& reason = {});
    void complete();

    TransportHost& host_;
    HttpRequest request_;  ///< Head only.
    std::shared_ptr<HttpResponder> responder_;
    std::unique_ptr<DataReceiver> receiver_;
    std::int64_t wanted_ = -1;  ///< Octets of the range that are still to come; -1: a whole body.
};

}  // namespace edgesync::transport_http
