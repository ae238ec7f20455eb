// The transport `wiotp`: nodes and CSS on the Watson IoT Platform, or on a broker with its rules.
#pragma once

#include "broker_transport.h"

namespace edgesync::transport_wiotp {

class WiotpTransport : public mqtt_exchange::BrokerTransport {
public:
    WiotpTransport() : BrokerTransport(mqtt_session::BrokerKind::Wiotp) {}
};

}  // namespace edgesync::transport_wiotp
