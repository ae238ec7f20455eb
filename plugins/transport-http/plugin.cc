#include "edgesync/sdk/plugin.h"

#include "http_transport.h"

EDGESYNC_PLUGIN(Transport, "http", "0.1.0", edgesync::transport_http::HttpTransport);
