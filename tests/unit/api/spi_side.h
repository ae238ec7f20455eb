// The node protocol over HTTP beside the API, on the same store and the same rules, without sockets.
#pragma once

#include "kernel/api/context.h"
#include "kernel/delivery/pending_index.h"
#include "kernel/node/transport_host.h"
#include "spi_server.h"

namespace edgesync::api {

class SpiSide {
public:
    /// What `context` names outlives the side.
    explicit SpiSide(const ApiContext& context);

    HttpHandler& handler() { return server_; }

private:
    delivery::PendingIndex pending_;
    node::NodeTransportHost host_;
    transport_http::SpiServer server_;
};

}  // namespace edgesync::api
