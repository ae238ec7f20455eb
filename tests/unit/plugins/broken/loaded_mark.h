// Leaves a trace when the library is loaded, so that tests can show that a refused file's code never ran.
#pragma once

#include <cstdlib>

namespace {
[[maybe_unused]] const int kIsLoaded = ::setenv("EDGESYNC_TEST_LOADED", "yes", 1);
}
