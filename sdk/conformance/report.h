// What the kit prints, for people.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "rules.h"
#include "test_run.h"

namespace edgesync::conformance {

/// "[rule] Suite.Name" lines as tests end, then which rules hold.
class Report {
public:
    explicit Report(PluginKind kind) : kind_(kind) {}

    void tell(const Test& test, const TestResult& result);
    /// `left_out`: tests that were to run and did not; `reason` says why.
    void sum_up(const std::vector<Test>& left_out, const std::string& reason) const;
    bool is_any_broken() const { return !broken_.empty(); }
    std::chrono::milliseconds spent_on_broken() const { return spent_; }

private:
    void tell_broken(const Test& test, const TestResult& result);
    std::vector<const Rule*> among(const std::set<std::string>& ids) const;

    const PluginKind kind_;
    std::set<std::string> checked_;  ///< Ids of rules, here and below.
    std::set<std::string> broken_;
    std::set<std::string> unsettled_;                       ///< A test of them broke another rule and so said nothing.
    std::map<std::string, std::set<std::string>> why_not_;  ///< Of those that are not applicable, at least in part.
    std::chrono::milliseconds spent_{0};
};

/// The rules that these tests check, where they are written, and their tests.
void print_rules(const std::vector<Test>& tests);

}  // namespace edgesync::conformance
