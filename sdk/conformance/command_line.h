// What the command lines of the suites have in common, and how a suite runs.
#pragma once

#include <functional>
#include <string>

#include "loaded_plugin.h"
#include "options.h"

namespace edgesync::conformance {

/// Accepts "--name value" and "--name=value".
class Arguments {
public:
    Arguments(int count, char** values, const char* usage) : count_(count), values_(values), usage_(usage) {}
    bool next();
    const std::string& name() const { return name_; }
    std::string value();
    /// Ends the program.
    [[noreturn]] void refuse(const std::string& problem) const;

private:
    int count_;
    char** values_;
    const char* usage_;
    int at_ = 0;
    std::string name_;
    std::string inline_;
    bool has_inline_ = false;
};

/// Puts --plugin, --settings, --setting, --root, --seed and --verbose into options(). False: the argument is another one.
bool take_common(Arguments& arguments);

/// Runs the tests in a root that did not exist before and is gone afterwards, unless the caller chose one. Returns the exit status.
int run_tests(const std::function<const LoadedPlugin&()>& plugin);

}  // namespace edgesync::conformance
