// Does the durable work that requests leave behind (fan-outs, welcomes, detaching): one step per transaction, in order, until none is left.
#pragma once

#include <condition_variable>
#include <mutex>

#include "edgesync/sdk/log.h"
#include "kernel/ops/limited_log.h"
#include "kernel/rules/node_context.h"
#include "kernel/rules/operation.h"
#include "kernel/rules/scheduler.h"

namespace edgesync::node {

/// Thread-safe.
class WorkRunner {
public:
    WorkRunner(const rules::NodeContext& context, rules::Operations& operations, rules::Scheduler& scheduler, Log& log);

    /// There may be work. Cheap.
    void kick();
    /// Ends after the step in progress.
    void stop();

private:
    struct Step {
        bool found = false;
        std::string problem;
        std::optional<TimePoint> next;  ///< When nothing was found: when there will be something.
    };
    void next();
    void wake_at(TimePoint time);
    void put_off(const std::exception_ptr& error);
    /// What is to be done next; `later`: when it will be, if nothing is.
    std::optional<WorkItem> claim(WriteTransaction& txn, std::chrono::seconds lease, std::optional<TimePoint>& later) const;
    Step step(WriteTransaction& txn, rules::Effects& effects);

    const rules::NodeContext& context_;
    rules::Operations& operations_;
    rules::Scheduler& scheduler_;
    ops::LimitedLog log_;

    std::mutex mutex_;
    std::condition_variable idle_;
    bool is_running_ = false;
    bool must_run_again_ = false;
    bool is_stopped_ = false;
    std::uint64_t timer_ = 0;
    std::chrono::milliseconds pause_{0};  ///< Before the next attempt; grows while one fails after the other.
    WorkItem current_;                    ///< Of the step in progress.
};

}  // namespace edgesync::node
