// edgesync-wiotp-conformance: the transport suite for nodes on the Watson IoT Platform, emulated before the broker whose port
// EDGESYNC_TEST_BROKER says (tests/with-mosquitto).
#include <cstdlib>

#include "plugin_test.h"
#include "tests/conformance/wiotp_environment.h"

int main(int argc, char** argv) {
    const char* port = std::getenv("EDGESYNC_TEST_BROKER");
    edgesync::conformance::WiotpEnvironment environment(port == nullptr ? 1883 : std::atoi(port));
    return edgesync::conformance::run_plugin_test(argc, argv, environment);
}
