// Time as a test lets it pass.
#pragma once

#include <utility>
#include <vector>

#include "kernel/rules/scheduler.h"

namespace edgesync::node {

/// Keeps what is to run later until the test says that the time has come.
class HandScheduler : public rules::Scheduler {
public:
    void post(std::function<void()> function) override { function(); }
    std::uint64_t after(std::chrono::milliseconds delay, std::function<void()> function) override {
        waiting_.emplace_back(delay, std::move(function));
        return waiting_.size();
    }
    void cancel(std::uint64_t) override {}
    bool work(std::function<void()> function) override { return function(), true; }

    /// Runs what waits for `delay`; what that schedules waits for the next call. The number of functions that ran.
    std::size_t run_due_after(std::chrono::milliseconds delay) {
        std::vector<std::function<void()>> due;
        for (auto& [after, function] : waiting_) {
            if (after == delay && function) due.push_back(std::exchange(function, nullptr));
        }
        for (const auto& function : due) function();
        return due.size();
    }

private:
    std::vector<std::pair<std::chrono::milliseconds, std::function<void()>>> waiting_;
};

}  // namespace edgesync::node
