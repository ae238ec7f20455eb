#include "edgesync/sdk/plugin.h"

#include "wiotp_transport.h"

EDGESYNC_PLUGIN(Transport, "wiotp", "0.1.0", edgesync::transport_wiotp::WiotpTransport);
