// edge-sync-plugin-test: runs the contract of a store or a transport against one plugin file. A transport's nodes find each other by
// settings, with a server between them if the command line names one, and with the service's listener where that is built.
#include "command_environment.h"
#include "plugin_test.h"

int main(int argc, char** argv) {
    edgesync::conformance::CommandEnvironment environment;
    return edgesync::conformance::run_plugin_test(argc, argv, environment);
}
