// The state of the connection to the CSS as the ESS experiences it: a failed call takes the line down, a timer tries again with
// growing pauses, the first success brings it back.
#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <random>

#include "kernel/rules/scheduler.h"

namespace edgesync::delivery {

/// Thread-safe.
class Line {
public:
    /// `retry` is called on a worker when the pause is over; it should try to reach the peer.
    Line(rules::Scheduler& scheduler, std::chrono::seconds first_pause, std::function<void()> retry);
    ~Line();

    bool is_up() const;
    /// A call failed. Starts the pause unless one is running.
    void failed();
    /// A call got an answer.
    void succeeded();
    /// It is known to be back: no pause is waited for.
    void restored();
    void stop();

private:
    static constexpr std::chrono::seconds kLongestPause{60};

    rules::Scheduler& scheduler_;
    const std::chrono::milliseconds first_pause_;
    const std::function<void()> retry_;
    mutable std::mutex mutex_;
    std::chrono::milliseconds pause_;
    bool is_up_ = true;
    bool is_stopped_ = false;
    std::uint64_t timer_ = 0;
    std::minstd_rand random_;
};

}  // namespace edgesync::delivery
