#include "edgesync/sdk/plugin.h"

#include "mqtt_transport.h"

EDGESYNC_PLUGIN(Transport, "mqtt", "0.1.0", edgesync::transport_mqtt::MqttTransport);
