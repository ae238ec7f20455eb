// Lets no line have all the workers: what is to be done for an organization, whose broker may stall, waits while as much as it may have at
// a time is under way.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>

namespace edgesync::packet_line {

/// Thread-safe. Its users bound how much may wait.
class TurnsByLine {
public:
    using End = std::function<void()>;
    using Begin = std::function<void(End)>;

    /// `most`: at a time for each organization; 0: no bound.
    explicit TurnsByLine(int most) : most_(most) {}

    /// Calls `begin` now, or when others have ended; it must return at once. The function that it is given is called at the end, from any
    /// thread, perhaps at once; further calls do nothing. What throws has ended.
    void run(const std::string& org, Begin begin);

private:
    struct Line {
        int running = 0;
        std::deque<Begin> waiting;
    };

    void start(const std::string& org, Begin begin);
    Begin next_after(const std::string& org);

    const int most_;
    std::mutex mutex_;
    std::map<std::string, Line> lines_;  ///< With something under way.
};

}  // namespace edgesync::packet_line
