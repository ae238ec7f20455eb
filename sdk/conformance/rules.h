// The rules of the contracts: what each says, where it is written, and which tests check it. The one table of them.
#pragma once

#include <string>
#include <vector>

#include "edgesync/sdk/plugin.h"

namespace edgesync::conformance {

struct Rule {
    PluginKind kind;
    const char* id;                  ///< Also the anchor of its section.
    const char* sentence;            ///< Also the first one of its section.
    std::vector<const char*> tests;  ///< Names or patterns with `*`; none: a rule that every test checks.
};

/// A call that does not come back, and the end of the whole process, break these, whatever the test was about.
inline constexpr char kBoundedTime[] = "bounded-time";
inline constexpr char kSurvival[] = "survival";

const std::vector<Rule>& rules();

/// The rule that a test checks ("Suite.Name", without prefix and parameter); nullptr: none of the table.
const Rule* rule_of_test(const std::string& test);
/// @throws std::logic_error if there is none.
const Rule& rule_named(PluginKind kind, const std::string& id);

/// "docs/writing-a-store.md#atomicity"
std::string where_written(const Rule& rule);

/// "store", "transport"
const char* word_of(PluginKind kind) noexcept;

/// Whether `text` is what `pattern` describes; `*` stands for any characters.
bool matches(const std::string& pattern, const std::string& text);

/// What is wrong with the table if these are all tests: a test without a rule or with two, a rule whose pattern names nothing.
std::vector<std::string> problems_of_rules(const std::vector<std::string>& tests);

}  // namespace edgesync::conformance
