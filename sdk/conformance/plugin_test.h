// The kit as a program: tests one plugin file and says what it found.
#pragma once

#include "transport_environment.h"

namespace edgesync::conformance {

/// Parses the command line, runs the tests, returns the exit status.
int run_plugin_test(int argc, char** argv, TransportEnvironment& environment);

}  // namespace edgesync::conformance
