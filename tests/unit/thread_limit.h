// A system that has no more threads, as with a limit of the container or of the user.
#pragma once

#include <limits>

namespace edgesync {

/// As long as it lives the process gets `allowed` further threads, is refused the next `refused`, and gets all after those. One at a time.
class ThreadLimit {
public:
    explicit ThreadLimit(int allowed, int refused = std::numeric_limits<int>::max());
    ~ThreadLimit();
    ThreadLimit(const ThreadLimit&) = delete;
    ThreadLimit& operator=(const ThreadLimit&) = delete;

    /// False in a program for a sanitizer, which has a function of its own where this one would be.
    static bool works();
    /// How many threads were refused so far.
    static int count();
};

}  // namespace edgesync
