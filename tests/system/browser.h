// A headless Chromium that shows a page of a node, driven by its debugging protocol over a pair of pipes.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tests/system/sandbox.h"

namespace edgesync::system_test {

/// One browser with one page and a profile of its own below `folder`. Ends with its object. For one thread.
class Browser {
public:
    /// @throws std::runtime_error if there is no browser, or it does not answer
    explicit Browser(const std::filesystem::path& folder);
    ~Browser();
    Browser(const Browser&) = delete;
    Browser& operator=(const Browser&) = delete;

    void open(const std::string& url);
    /// The value of a JavaScript expression as text; "" if it throws.
    std::string evaluate(const std::string& expression);
    /// True once the expression is true, false at the deadline.
    bool comes_true(const std::string& expression, std::chrono::milliseconds limit = kPatience);

    /// What the page complained of so far: errors and warnings on the console, exceptions, breaches of its policy, failed requests.
    const std::vector<std::string>& complaints() const;
    /// URLs that the page asked for, without "data:".
    const std::set<std::string>& requests() const;

private:
    struct Parts;
    const std::unique_ptr<Parts> parts_;
};

}  // namespace edgesync::system_test
