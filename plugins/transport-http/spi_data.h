// CSS: data that a node pushes, whole or in chunks.
#pragma once

#include <memory>

#include "edgesync/sdk/http.h"
#include "edgesync/sdk/transport.h"

namespace edgesync::transport_http {

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

    TransportHost& host_;
    HttpRequest request_;  ///< Head only.
    std::shared_ptr<HttpResponder> responder_;
    std::unique_ptr<DataReceiver> receiver_;
};

}  // namespace edgesync::transport_http
