// edgesync-mqtt-conformance: the transport suite for nodes on an MQTT broker, whose port EDGESYNC_TEST_BROKER says (tests/with-mosquitto).
#include <cstdlib>

#include "plugin_test.h"
#include "tests/conformance/mqtt_environment.h"

int main(int argc, char** argv) {
    const char* port = std::getenv("EDGESYNC_TEST_BROKER");
    edgesync::conformance::MqttEnvironment environment(port == nullptr ? 1883 : std::atoi(port));
    return edgesync::conformance::run_plugin_test(argc, argv, environment);
}
