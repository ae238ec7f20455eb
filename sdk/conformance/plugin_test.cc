#include "plugin_test.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "command_line.h"
#include "fault_child.h"
#include "options.h"
#include "report.h"
#include "rules.h"
#include "test_run.h"
#include "try_out.h"
#include "watched_run.h"

namespace edgesync::conformance {
namespace {

TransportEnvironment* current = nullptr;

/// "a:b*-c": one of the patterns before the dash that follows a colon or begins the text, none of those behind it.
bool is_wanted(const std::string& patterns, const Test& test) {
    const Rule* const rule = rule_of_test(test.rule_name);
    const auto is_named = [&](const std::string& list) {
        for (std::size_t begin = 0; begin <= list.size();) {
            const std::size_t end = std::min(list.find(':', begin), list.size());
            const std::string pattern = list.substr(begin, end - begin);
            if (matches(pattern, test.name) || matches(pattern, test.rule_name) || matches(pattern, rule->id)) return true;
            begin = end + 1;
        }
        return false;
    };
    const std::size_t dash = patterns.starts_with('-') ? 0 : patterns.find(":-");
    if (dash == std::string::npos) return is_named(patterns);
    const std::string wanted = patterns.substr(0, dash);
    return (wanted.empty() || is_named(wanted)) && !is_named(patterns.substr(patterns.find('-', dash) + 1));
}

std::vector<Test> wanted_tests(const std::vector<Test>& all, std::optional<PluginKind> kind) {
    std::vector<Test> wanted;
    for (const Test& test : all) {
        const bool is_kind = !kind || test.kind == *kind;
        const bool is_named = options().only.empty() || is_wanted(options().only, test);
        if (is_kind && is_named && is_wanted(testing::GTEST_FLAG(filter), test)) wanted.push_back(test);
    }
    return wanted;
}

std::vector<std::string> problems_of_table(const std::vector<Test>& tests) {
    std::vector<std::string> names;
    for (const Test& test : tests) names.push_back(test.rule_name);
    return problems_of_rules(names);
}

int cannot_run(const std::string& why) {
    std::fprintf(stderr, "cannot run: %s\n", why.c_str());
    return 2;
}

int run_wanted(const TryOut& plugin, const std::vector<Test>& tests) {
    Report report(plugin.kind);
    for (std::size_t i = 0; i < tests.size(); ++i) {
        const TestResult result = run_test(tests[i]);
        report.tell(tests[i], result);
        if (result.verdict == TestResult::Verdict::Stopped) return 128 + signal_that_came();
        if (report.spent_on_broken() < options().patience || i + 1 == tests.size()) continue;
        report.sum_up({tests.begin() + static_cast<std::ptrdiff_t>(i) + 1, tests.end()},
                      "broken tests took more than " + std::to_string(options().patience.count()) + " s (--patience)");
        return 1;
    }
    report.sum_up({}, "");
    return report.is_any_broken() ? 1 : 0;
}

int run_in_root(const std::vector<Test>& all) {
    const TryOut plugin = try_out();
    if (signal_that_came() != 0) return 128 + signal_that_came();
    if (!plugin.problem.empty()) return cannot_run(plugin.problem);
    std::printf("%s %s \"%s\" %s, seed %llu\n", options().plugin.filename().c_str(), word_of(plugin.kind), plugin.name.c_str(),
                plugin.version.c_str(), static_cast<unsigned long long>(options().seed));
    for (const std::string& key : plugin.undeclared) std::printf("note: the plugin declares no setting %s\n", key.c_str());
    const auto tests = wanted_tests(all, plugin.kind);
    if (tests.empty()) return cannot_run("no rule and no test of a " + std::string(word_of(plugin.kind)) + " matches " + options().only);
    return run_wanted(plugin, tests);
}

}  // namespace

TransportEnvironment& environment() { return *current; }

int run_plugin_test(int argc, char** argv, TransportEnvironment& given) try {
    // The engine would answer it with options of its own.
    const bool is_help_wanted = std::any_of(argv + 1, argv + argc, [](const char* word) { return std::string_view(word) == "--help"; });
    if (!is_help_wanted) testing::InitGoogleTest(&argc, argv);
    current = &given;
    parse_command_line(argc, argv);
    if (options().acknowledgement_fd >= 0) return run_fault_child(options().acknowledgement_fd);
    if (testing::GTEST_FLAG(list_tests)) return RUN_ALL_TESTS();
    const auto all = all_tests();
    for (const auto& problem : problems_of_table(all)) return cannot_run(problem);
    if (options().is_list_wanted) {
        print_rules(wanted_tests(all, std::nullopt));
        return 0;
    }
    if (options().plugin.empty()) return cannot_run("no plugin is named; see --help");
    const bool is_own_root = options().root.empty();
    if (is_own_root) {
        std::string name = (std::filesystem::temp_directory_path() / "edge-sync-plugin-test-XXXXXX").string();
        if (!::mkdtemp(name.data())) return cannot_run("cannot create a folder like " + name);
        options().root = name;
    }
    std::filesystem::create_directories(options().root);
    watch_for_signals();
    const int status = run_in_root(all);
    if (is_own_root) std::filesystem::remove_all(options().root);
    return status;
} catch (const std::exception& e) {
    return cannot_run(e.what());
}

}  // namespace edgesync::conformance
