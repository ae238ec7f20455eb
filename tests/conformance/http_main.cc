// edgesync-http-conformance: the transport suite for transports whose CSS mounts routes on the service's listener.
#include "plugin_test.h"
#include "tests/conformance/http_environment.h"

int main(int argc, char** argv) {
    edgesync::conformance::HttpEnvironment environment;
    return edgesync::conformance::run_plugin_test(argc, argv, environment);
}
