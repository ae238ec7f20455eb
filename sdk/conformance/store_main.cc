// edgesync-store-conformance: runs the contract of edgesync/sdk/store.h against one plugin file.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "command_line.h"
#include "fault_child.h"
#include "loaded_plugin.h"
#include "options.h"

namespace edgesync::conformance {
namespace {

constexpr char kUsage[] =
    "usage: edgesync-store-conformance --plugin ./libstore-NAME.so [--settings FILE] [--setting KEY=VALUE].. [--root DIR]\n"
    "                                  [--role css|ess] [--seed N] [--verbose] [GoogleTest options]\n"
    "  --settings  lines \"Key value\" as in sync.conf; {test} in a value becomes a name of the test's own,\n"
    "              {folder} its folder\n"
    "  --setting   the same for one key, before the file's\n"
    "  --root      folder for what the tests write; without it a temporary one, removed at the end\n";

/// What only a process started by the suite gets.
struct ChildOptions {
    int acknowledgement_fd = -1;
};

ChildOptions parse(Arguments arguments) {
    ChildOptions child;
    while (arguments.next()) {
        if (take_common(arguments)) continue;
        const std::string& name = arguments.name();
        if (name == "--role") {
            const std::string role = arguments.value();
            if (role != "css" && role != "ess") arguments.refuse("--role is \"" + role + "\", but must be css or ess");
            options().role = role == "css" ? NodeRole::Css : NodeRole::Ess;
        } else if (name == "--child-acknowledges-on") {
            child.acknowledgement_fd = std::atoi(arguments.value().c_str());
        } else {
            arguments.refuse("unknown option " + name);
        }
    }
    return child;
}

}  // namespace

int main(int argc, char** argv) {
    testing::InitGoogleTest(&argc, argv);
    const Arguments arguments(argc, argv, kUsage);
    const ChildOptions child = parse(arguments);
    if (testing::GTEST_FLAG(list_tests)) return RUN_ALL_TESTS();
    if (options().plugin.empty()) arguments.refuse("--plugin is missing");
    if (child.acknowledgement_fd >= 0) return run_fault_child(child.acknowledgement_fd);
    return run_tests(store_plugin);
}

}  // namespace edgesync::conformance

int main(int argc, char** argv) { return edgesync::conformance::main(argc, argv); }
