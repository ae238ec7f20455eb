#include "test_run.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "options.h"
#include "watched_run.h"

namespace edgesync::conformance {
namespace {

// Kinds of notes:
constexpr char kFailure = 'F';  ///< "file:line", a line break, the message.
constexpr char kSkipped = 'S';  ///< Why.
constexpr char kEnd = 'E';      ///< The test came to its end.

/// Tells whoever watches what the test framework finds.
class Teller : public testing::EmptyTestEventListener {
public:
    explicit Teller(const NoteSender& to) : to_(to) {}

private:
    void OnTestPartResult(const testing::TestPartResult& result) override {
        if (result.skipped()) to_.send(kSkipped, result.message());
        if (!result.failed()) return;
        const std::string file = result.file_name() == nullptr ? "" : result.file_name();
        const std::string place = file.empty() ? "" : file.substr(file.find_last_of('/') + 1) + ":" + std::to_string(result.line_number());
        to_.send(kFailure, place + "\n" + result.message());
    }
    void OnTestEnd(const testing::TestInfo&) override { to_.send(kEnd, ""); }

    const NoteSender to_;
};

/// In the process of the test.
void run_alone(const Test& test, const NoteSender& to) {
    testing::GTEST_FLAG(filter) = test.name;
    auto& listeners = testing::UnitTest::GetInstance()->listeners();
    if (!options().is_verbose) delete listeners.Release(listeners.default_result_printer());
    listeners.Append(new Teller(to));
    [[maybe_unused]] const int failed = RUN_ALL_TESTS();  // Told already.
}

std::string without_blanks_around(const std::string& text) {
    const auto begin = text.find_first_not_of(" \n");
    return begin == std::string::npos ? "" : text.substr(begin, text.find_last_not_of(" \n") - begin + 1);
}

/// Cuts the line that begins with `mark` out of the text.
std::string take_line(std::string& text, const std::string& mark) {
    const auto begin = text.find(mark);
    if (begin == std::string::npos) return {};
    const auto end = std::min(text.find('\n', begin + mark.size()), text.size());
    std::string line = text.substr(begin + mark.size(), end - begin - mark.size());
    text.erase(begin, end - begin);
    return line;
}

Failure failure_of(const std::string& note) {
    Failure failure;
    const auto first = note.find('\n');
    failure.where = note.substr(0, first);
    failure.seen = note.substr(first + 1);
    failure.promised = take_line(failure.seen, kPromised);
    failure.rule = take_line(failure.seen, kBreaks);
    failure.seen = without_blanks_around(failure.seen);
    return failure;
}

/// Adds a failure that is not the test's own, and what the process said last. A test that had failed before keeps its rule.
void break_rule(TestResult& result, PluginKind kind, const char* rule, const std::string& seen, const std::string& output) {
    result.verdict = TestResult::Verdict::Broken;
    if (result.failures.empty()) result.rule = &rule_named(kind, rule);
    const std::string last = without_blanks_around(output);
    result.failures.push_back({"", "", "", seen + (last.empty() ? "" : "\nIt said last:\n" + last)});
}

}  // namespace

std::vector<Test> all_tests() {
    std::vector<Test> tests;
    const auto& all = *testing::UnitTest::GetInstance();
    for (int s = 0; s < all.total_test_suite_count(); ++s) {
        const testing::TestSuite& suite = *all.GetTestSuite(s);
        const std::string suite_name = suite.name();
        for (int t = 0; t < suite.total_test_count(); ++t) {
            const std::string name = suite.GetTestInfo(t)->name();
            Test test;
            test.name = suite_name + "." + name;
            test.rule_name = suite_name.substr(suite_name.find('/') + 1);
            test.rule_name.append(".").append(name, 0, name.find('/'));
            test.kind = test.rule_name.starts_with("Transport") ? PluginKind::Transport : PluginKind::Store;
            tests.push_back(std::move(test));
        }
    }
    return tests;
}

TestResult run_test(const Test& test) {
    const WatchedEnd end =
        run_watched([&](const NoteSender& to) { run_alone(test, to); }, options().timeout, options().is_verbose, options().root.string());
    TestResult result;
    result.took = end.took;
    result.rule = rule_of_test(test.rule_name);
    bool has_ended = false;
    for (const Note& note : end.notes) {
        if (note.kind == kFailure) result.failures.push_back(failure_of(note.text));
        if (note.kind == kSkipped) result.why_not = without_blanks_around(note.text);
        has_ended |= note.kind == kEnd;
    }
    if (!result.failures.empty()) {
        result.verdict = TestResult::Verdict::Broken;
        if (!result.failures.front().rule.empty()) result.rule = &rule_named(test.kind, result.failures.front().rule);
    } else if (!result.why_not.empty()) {
        result.verdict = TestResult::Verdict::NotApplicable;
    }
    const std::string when = has_ended ? "after the test, when the process ended" : "in the middle of the test";
    if (signal_that_came() != 0) {
        result.verdict = TestResult::Verdict::Stopped;
    } else if (end.is_hung) {
        break_rule(result, test.kind, kBoundedTime,
                   "the test did not come to its end within " + std::to_string(options().timeout.count()) +
                       " s and was killed: a call into the plugin does not return, or what it promises does not happen",
                   end.output);
    } else if (end.signal != 0) {
        break_rule(result, test.kind, kSurvival, "the process was ended by " + words_of_signal(end.signal) + " " + when, end.output);
    } else if (!has_ended || end.status != 0) {
        break_rule(result, test.kind, kSurvival, "the process ended itself with status " + std::to_string(end.status) + " " + when,
                   end.output);
    }
    return result;
}

}  // namespace edgesync::conformance
