#include <gtest/gtest.h>

#include "command_line.h"
#include "transport_environment.h"

namespace edgesync::conformance {
namespace {

constexpr char kUsage[] =
    "usage: edgesync-transport-conformance --plugin ./libtransport-NAME.so [--settings FILE] [--setting KEY=VALUE].. [--root DIR]\n"
    "                                      [--seed N] [--verbose] [GoogleTest options]\n"
    "  --settings  lines \"Key value\" as in sync.conf, for both nodes; {folder} in a value becomes the node's folder\n"
    "  --setting   the same for one key, before the file's\n"
    "  --root      folder for what the tests write; without it a temporary one, removed at the end\n";

TransportEnvironment* current = nullptr;

}  // namespace

TransportEnvironment& environment() { return *current; }

int run_transport_suite(int argc, char** argv, TransportEnvironment& given) {
    testing::InitGoogleTest(&argc, argv);
    current = &given;
    Arguments arguments(argc, argv, kUsage);
    while (arguments.next()) {
        if (!take_common(arguments)) arguments.refuse("unknown option " + arguments.name());
    }
    if (testing::GTEST_FLAG(list_tests)) return RUN_ALL_TESTS();
    if (options().plugin.empty()) arguments.refuse("--plugin is missing");
    return run_tests(transport_plugin);
}

}  // namespace edgesync::conformance
