// One test of the suites in a process of its own, and what came of it.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "rules.h"

namespace edgesync::conformance {

/// Precedes, in the message of an assertion, what the contract promises.
inline constexpr char kPromised[] = "\nPromised: ";

/// Precedes, in the message of an assertion, the rule that it is about if that is not the one of the test.
inline constexpr char kBreaks[] = "\nBreaks: ";
/// Appended to an assertion.
inline std::string breaks(const std::string& rule) { return kBreaks + rule + "\n"; }

struct Test {
    std::string name;       ///< As the test framework knows it.
    std::string rule_name;  ///< Without prefix and parameter, as the table of rules knows it.
    PluginKind kind = PluginKind::Store;
};

/// All tests that this program has, in their order.
std::vector<Test> all_tests();

/// One thing that was not as it must be.
struct Failure {
    std::string where;     ///< "file:line"; empty if unknown.
    std::string promised;  ///< In the words of the contract's header; may be empty.
    std::string rule;      ///< Id, if it is not the rule of the test.
    std::string seen;
};

struct TestResult {
    enum class Verdict { Holds, Broken, NotApplicable, Stopped };
    Verdict verdict = Verdict::Holds;
    const Rule* rule = nullptr;  ///< That is broken, or holds.
    std::vector<Failure> failures;
    std::string why_not;  ///< Why it is not applicable.
    std::chrono::milliseconds took{0};
};

/// Runs the test in a process of its own, for the time that the options give. Stopped: a signal told this program to end.
TestResult run_test(const Test& test);

}  // namespace edgesync::conformance
