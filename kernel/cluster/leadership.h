// Whether this instance does what only one of the instances that share a store may do (object model 11).
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "edgesync/sdk/log.h"
#include "edgesync/sdk/store.h"
#include "kernel/rules/scheduler.h"

namespace edgesync::cluster {

struct LeadershipOptions {
    std::string holder;                ///< Unique to this run of this instance.
    std::chrono::seconds timeout{45};  ///< LeadershipTimeout; a sixth of it is the time between two heartbeats.
    std::function<void()> has_begun;   ///< Called on a worker when this instance begins to lead.
};

/// Thread-safe. Without other processes on the store it always leads.
class Leadership {
public:
    Leadership(Store& store, rules::Scheduler& scheduler, Log& log, LeadershipOptions options);
    ~Leadership() { stop(); }

    /// The first attempt is made before it returns, so it blocks on the store; a failure is tried again like any later one.
    void start();
    /// Resigns, so that another one takes over at once. Blocks for the attempt in progress and on the store.
    void stop() noexcept;

    /// The term, for WriteTransaction::require_leadership; nullopt while another one leads, or when the last heartbeat that succeeded
    /// is older than the timeout.
    std::optional<std::int64_t> term() const;

private:
    using Clock = std::chrono::steady_clock;

    void beat();
    bool count_failure();
    void note(std::optional<std::int64_t> term, Clock::time_point asked_at);
    void arm();

    Store& store_;
    rules::Scheduler& scheduler_;
    Log& log_;
    const LeadershipOptions options_;
    const bool is_shared_;
    mutable std::mutex mutex_;
    std::condition_variable idle_;
    std::optional<std::int64_t> term_;
    Clock::time_point confirmed_at_{};
    std::uint64_t timer_ = 0;
    int failures_ = 0;
    bool is_beating_ = false;
    bool is_started_ = false;
    bool is_stopped_ = false;
};

}  // namespace edgesync::cluster
