#include "command_line.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace edgesync::conformance {

bool Arguments::next() {
    if (++at_ >= count_) return false;
    const std::string_view argument = values_[at_];
    const auto equals = argument.find('=');
    name_ = argument.substr(0, equals);
    has_inline_ = equals != std::string_view::npos;
    inline_ = has_inline_ ? std::string(argument.substr(equals + 1)) : std::string();
    return true;
}

std::string Arguments::value() {
    if (has_inline_) return inline_;
    if (++at_ >= count_) refuse(name_ + " needs a value");
    return values_[at_];
}

void Arguments::refuse(const std::string& problem) const {
    std::fprintf(stderr, "%s\n%s", problem.c_str(), usage_);
    std::exit(2);
}

bool take_common(Arguments& arguments) {
    const std::string& name = arguments.name();
    if (name == "--plugin") {
        options().plugin = std::filesystem::absolute(arguments.value());
    } else if (name == "--settings") {
        options().settings = std::filesystem::absolute(arguments.value());
    } else if (name == "--setting") {
        const std::string pair = arguments.value();
        const auto equals = pair.find('=');
        if (equals == std::string::npos) arguments.refuse("--setting is \"" + pair + "\", but must be KEY=VALUE");
        options().given[pair.substr(0, equals)] = pair.substr(equals + 1);
    } else if (name == "--root") {
        options().root = std::filesystem::absolute(arguments.value());
    } else if (name == "--seed") {
        options().seed = std::strtoull(arguments.value().c_str(), nullptr, 10);
    } else if (name == "--verbose") {
        options().is_verbose = true;
    } else {
        return false;
    }
    return true;
}

int run_tests(const std::function<const LoadedPlugin&()>& plugin) {
    const bool is_own_root = options().root.empty();
    if (is_own_root) {
        std::string name = (std::filesystem::temp_directory_path() / "edgesync-conformance-XXXXXX").string();
        if (!::mkdtemp(name.data())) {
            std::fprintf(stderr, "cannot create a folder in %s\n", name.c_str());
            return 2;
        }
        options().root = name;
    }
    std::filesystem::create_directories(options().root);
    int result = 2;
    try {
        const PluginDescriptor& d = plugin().descriptor();
        std::printf("Plugin %s %s, seed %llu\n", d.name, d.version, static_cast<unsigned long long>(options().seed));
        result = RUN_ALL_TESTS();
    } catch (const std::exception& e) {
        std::fprintf(stderr, "%s\n", e.what());
    }
    if (is_own_root) std::filesystem::remove_all(options().root);
    return result;
}

Options& options() {
    static Options instance;
    return instance;
}

}  // namespace edgesync::conformance
