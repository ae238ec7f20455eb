// edgesync-store-conformance: runs the contract of edgesync/sdk/store.h against one plugin file.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "fault_child.h"
#include "loaded_plugin.h"
#include "options.h"

namespace edgesync::conformance {
namespace {

constexpr char kUsage[] =
    "usage: edgesync-store-conformance --plugin ./libstore-NAME.so [--settings FILE] [--root DIR] [--role css|ess]\n"
    "                                  [--seed N] [--verbose] [GoogleTest options]\n"
    "  --settings  lines \"Key value\" as in sync.conf; {test} in a value becomes a name of the test's own,\n"
    "              {folder} its folder\n"
    "  --root      folder for what the tests write; without it a temporary one, removed at the end\n";

[[noreturn]] void refuse(const std::string& problem) {
    std::fprintf(stderr, "%s\n%s", problem.c_str(), kUsage);
    std::exit(2);
}

/// What only a process started by the suite gets.
struct ChildOptions {
    int acknowledgement_fd = -1;
};

/// Accepts "--name value" and "--name=value".
class Arguments {
public:
    Arguments(int count, char** values) : count_(count), values_(values) {}
    bool next() {
        if (++at_ >= count_) return false;
        const std::string_view argument = values_[at_];
        const auto equals = argument.find('=');
        name_ = argument.substr(0, equals);
        has_inline_ = equals != std::string_view::npos;
        inline_ = has_inline_ ? std::string(argument.substr(equals + 1)) : std::string();
        return true;
    }
    const std::string& name() const { return name_; }
    std::string value() {
        if (has_inline_) return inline_;
        if (++at_ >= count_) refuse(name_ + " needs a value");
        return values_[at_];
    }

private:
    int count_;
    char** values_;
    int at_ = 0;
    std::string name_;
    std::string inline_;
    bool has_inline_ = false;
};

ChildOptions parse(int argc, char** argv) {
    ChildOptions child;
    for (Arguments arguments(argc, argv); arguments.next();) {
        const std::string& name = arguments.name();
        if (name == "--plugin") {
            options().plugin = std::filesystem::absolute(arguments.value());
        } else if (name == "--settings") {
            options().settings = std::filesystem::absolute(arguments.value());
        } else if (name == "--root") {
            options().root = std::filesystem::absolute(arguments.value());
        } else if (name == "--role") {
            const std::string role = arguments.value();
            if (role != "css" && role != "ess") refuse("--role is \"" + role + "\", but must be css or ess");
            options().role = role == "css" ? NodeRole::Css : NodeRole::Ess;
        } else if (name == "--seed") {
            options().seed = std::strtoull(arguments.value().c_str(), nullptr, 10);
        } else if (name == "--verbose") {
            options().is_verbose = true;
        } else if (name == "--child-acknowledges-on") {
            child.acknowledgement_fd = std::atoi(arguments.value().c_str());
        } else {
            refuse("unknown option " + name);
        }
    }
    return child;
}

/// Runs the tests in a root that did not exist before and is gone afterwards, unless the caller chose one.
int run_tests() {
    const bool is_own_root = options().root.empty();
    if (is_own_root) {
        std::string name = (std::filesystem::temp_directory_path() / "edgesync-conformance-XXXXXX").string();
        if (!::mkdtemp(name.data())) refuse("cannot create a folder in " + name);
        options().root = name;
    }
    std::filesystem::create_directories(options().root);
    int result = 2;
    try {
        const PluginDescriptor& d = plugin_under_test().descriptor();
        std::printf("Plugin %s %s, seed %llu\n", d.name, d.version, static_cast<unsigned long long>(options().seed));
        result = RUN_ALL_TESTS();
    } catch (const std::exception& e) {
        std::fprintf(stderr, "%s\n", e.what());
    }
    if (is_own_root) std::filesystem::remove_all(options().root);
    return result;
}

}  // namespace

Options& options() {
    static Options instance;
    return instance;
}

int main(int argc, char** argv) {
    testing::InitGoogleTest(&argc, argv);
    const ChildOptions child = parse(argc, argv);
    if (testing::GTEST_FLAG(list_tests)) return RUN_ALL_TESTS();
    if (options().plugin.empty()) refuse("--plugin is missing");
    if (child.acknowledgement_fd >= 0) return run_fault_child(child.acknowledgement_fd);
    return run_tests();
}

}  // namespace edgesync::conformance

int main(int argc, char** argv) { return edgesync::conformance::main(argc, argv); }
