// The transport `mqtt`: nodes and CSS on a broker of one's own.
#pragma once

#include "broker_transport.h"

namespace edgesync::transport_mqtt {

class MqttTransport : public mqtt_exchange::BrokerTransport {
public:
    MqttTransport() : BrokerTransport(mqtt_session::BrokerKind::Direct) {}
};

}  // namespace edgesync::transport_mqtt
