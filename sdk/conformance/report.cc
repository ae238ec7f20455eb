#include "report.h"

#include <algorithm>
#include <cstdio>
#include <sstream>

namespace edgesync::conformance {
namespace {

constexpr std::size_t kShownFailures = 3;
constexpr std::size_t kShownLines = 12;
constexpr std::size_t kShownColumns = 160;

void print(const std::string& line) {
    std::fwrite(line.data(), 1, line.size(), stdout);
    std::fputc('\n', stdout);
    std::fflush(stdout);
}

/// "        label:    text", further lines below the text.
void print_labelled(const std::string& label, const std::string& text) {
    std::istringstream lines(text);
    std::size_t count = 0;
    for (std::string line; std::getline(lines, line); ++count) {
        if (count == kShownLines) return print("                    ...");
        if (line.size() > kShownColumns) line = line.substr(0, kShownColumns) + "...";
        std::string head = count == 0 ? label + ":" : "";
        head.resize(12, ' ');
        head += line;
        print("        " + head);
    }
}

std::string tag(const Rule& rule) { return "[" + std::string(rule.id) + "] "; }

std::string counted(std::size_t count, const std::string& what) { return std::to_string(count) + " " + what + (count == 1 ? "" : "s"); }

std::string joined(const std::set<std::string>& texts) {
    std::string all;
    for (const auto& text : texts) all += (all.empty() ? "" : "; ") + text;
    return all;
}

}  // namespace

void Report::tell(const Test& test, const TestResult& result) {
    const std::string own = rule_of_test(test.rule_name)->id;
    switch (result.verdict) {
        case TestResult::Verdict::Holds: checked_.insert(own); return print("ok      " + tag(*result.rule) + test.name);
        case TestResult::Verdict::NotApplicable:
            why_not_[own].insert(result.why_not);
            return print("n/a     " + tag(*result.rule) + test.name + ": not applicable: " + result.why_not);
        case TestResult::Verdict::Stopped: return;
        case TestResult::Verdict::Broken:
            broken_.insert(result.rule->id);
            if (result.rule->id != own) unsettled_.insert(own);
            spent_ += result.took;
            return tell_broken(test, result);
    }
}

void Report::tell_broken(const Test& test, const TestResult& result) {
    print("BROKEN: " + std::string(result.rule->sentence));
    print_labelled("written in", where_written(*result.rule));
    const Rule& own = *rule_of_test(test.rule_name);
    print_labelled("test", test.name + (&own == result.rule ? "" : ", which is about " + where_written(own)));
    for (std::size_t i = 0; i < std::min(result.failures.size(), kShownFailures); ++i) {
        const Failure& failure = result.failures[i];
        if (!failure.promised.empty()) print_labelled("promised", failure.promised);
        print_labelled("seen", failure.seen);
        if (!failure.where.empty()) print_labelled("at", failure.where);
    }
    if (result.failures.size() > kShownFailures) print_labelled("and", std::to_string(result.failures.size() - kShownFailures) + " more");
}

std::vector<const Rule*> Report::among(const std::set<std::string>& ids) const {
    std::vector<const Rule*> found;
    for (const Rule& rule : rules()) {
        if (rule.kind == kind_ && ids.contains(rule.id)) found.push_back(&rule);
    }
    return found;
}

void Report::sum_up(const std::vector<Test>& left_out, const std::string& reason) const {
    std::set<std::string> open;
    for (const Test& test : left_out) open.insert(rule_of_test(test.rule_name)->id);
    for (const auto& id : unsettled_) open.insert(id);
    std::set<std::string> held;
    for (const auto& id : checked_) {
        if (!broken_.contains(id) && !open.contains(id)) held.insert(id);
    }
    // Every test that ran checks them.
    for (const char* id : {kBoundedTime, kSurvival}) {
        if (!checked_.empty() && !broken_.contains(id) && left_out.empty()) held.insert(id);
    }
    std::set<std::string> not_applicable;
    for (const auto& [id, why] : why_not_) {
        if (!broken_.contains(id) && !open.contains(id) && !held.contains(id)) not_applicable.insert(id);
    }
    std::erase_if(open, [&](const auto& id) { return broken_.contains(id); });

    print("");
    print(counted(held.size(), "rule") + (held.size() == 1 ? " holds, " : " hold, ") + std::to_string(broken_.size()) + " broken, " +
          std::to_string(not_applicable.size()) + " not applicable" +
          (open.empty() ? "." : ", " + std::to_string(open.size()) + " not settled."));
    for (const Rule* rule : among(broken_))
        print("  broken:         " + std::string(rule->id) + ": " + rule->sentence + " (" + where_written(*rule) + ")");
    for (const Rule* rule : among(not_applicable))
        print("  not applicable: " + std::string(rule->id) + ": " + joined(why_not_.at(rule->id)));
    for (const Rule* rule : among(open)) print("  not settled:    " + std::string(rule->id));
    for (const Rule* rule : among(held)) {
        const auto part = why_not_.find(rule->id);
        if (part != why_not_.end()) print("  in part only:   " + std::string(rule->id) + ": " + joined(part->second));
    }
    if (!left_out.empty()) print(counted(left_out.size(), "test") + " did not run: " + reason);
}

void print_rules(const std::vector<Test>& tests) {
    for (const Rule& rule : rules()) {
        const auto is_of_rule = [&](const Test& test) {
            return rule.tests.empty() ? test.kind == rule.kind : rule_of_test(test.rule_name) == &rule;
        };
        if (std::none_of(tests.begin(), tests.end(), is_of_rule)) continue;
        print(std::string(word_of(rule.kind)) + " " + rule.id + ": " + rule.sentence);
        print("    written in: " + where_written(rule));
        if (rule.tests.empty()) print("    every test");
        for (const Test& test : tests) {
            if (rule_of_test(test.rule_name) == &rule) print("    " + test.name);
        }
    }
}

}  // namespace edgesync::conformance
