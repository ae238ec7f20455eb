// What reading the configuration found: problems that stop the start, and lines for the operator that do not.
#pragma once

#include <string>
#include <vector>

namespace edgesync::config {

/// One reason why the service cannot start with this configuration.
struct Problem {
    enum class Kind {
        Load,     ///< The file or a value cannot be understood (exit code 99).
        Invalid,  ///< Understood, but not allowed (exit code 98).
    };
    Kind kind = Kind::Invalid;
    std::string key;
    std::string text;    ///< The established wording, which scripts of operators may look for.
    std::string advice;  ///< Key, value (never a secret) and what to do; may be empty when `text` says it all.

    /// `text` and `advice` as one line without control characters.
    std::string line() const;
};

struct Findings {
    std::vector<Problem> problems;
    std::vector<std::string> warnings;  ///< Something is probably not what the operator meant.
    std::vector<std::string> changes;   ///< Values that validation replaced, and keys without effect: "Key: 'old' became 'new': reason".
};

/// `value` as it may appear in a message: quoted, control characters replaced, cut at 200 bytes.
std::string in_quotes(const std::string& value);

}  // namespace edgesync::config
