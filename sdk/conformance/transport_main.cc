// edgesync-transport-conformance: runs the contract of edgesync/sdk/transport.h against one plugin file whose nodes find each other by
// settings alone. What needs a listener, or ways to disturb the line, needs a runner with an environment of its own.
#include "transport_environment.h"

int main(int argc, char** argv) {
    edgesync::conformance::TransportEnvironment environment;
    return edgesync::conformance::run_transport_suite(argc, argv, environment);
}
