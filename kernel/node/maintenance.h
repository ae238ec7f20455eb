// What a node does by the clock: repeats unanswered messages, activates and expires objects, removes silent nodes and abandoned uploads
// (object model 9).
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "edgesync/sdk/log.h"
#include "edgesync/sdk/settings.h"
#include "kernel/rules/node_context.h"
#include "kernel/rules/operation.h"
#include "kernel/rules/scheduler.h"

namespace edgesync::node {

struct MaintenanceOptions {
    std::chrono::seconds resend_interval{10};
    std::chrono::seconds activation_interval{30};
    std::chrono::seconds expiration_interval{30};
    std::chrono::hours silent_node_limit{24 * 30};  ///< 0: never removed.
    std::chrono::seconds upload_limit{86400};       ///< Since the last octets came.
    std::function<bool()> may_send;                 ///< ESS: registered.
    std::function<void()> resume_transfers;         ///< ESS.
    std::function<void()> scan_verifications;
    std::function<void()> look_for_work;  ///< That an instance which is gone left behind; null: there is only one.
    /// Of leadership; nullopt: another instance does the jobs of the leader.
    std::function<std::optional<std::int64_t>()> term = [] { return std::optional<std::int64_t>(1); };

    /// The intervals and limits, from ResendInterval, ObjectActivationInterval, ...
    static MaintenanceOptions from(const Settings& settings);
};

/// Thread-safe.
class Maintenance {
public:
    Maintenance(const rules::NodeContext& context, rules::Operations& operations, rules::Scheduler& scheduler, Log& log,
                MaintenanceOptions options);
    void start();
    /// No job starts afterwards. Returns when none runs, but for those on workers, which may be waiting for the store.
    void stop();

private:
    struct Job {
        std::chrono::milliseconds interval;
        std::function<void()> run;
        bool may_block = false;  ///< Then not on an I/O thread.
    };

    void every(std::chrono::milliseconds interval, std::function<void()> job);
    /// The same, for a job that reads the store.
    void every_reading(std::chrono::milliseconds interval, std::function<void()> job);
    void add(Job job);
    void arm(std::size_t timer, Job job);
    void do_turn(const Job& job);
    void watch_store();
    void repeat_due();
    void activate_due();
    void expire_due();
    void remove_silent_nodes();
    void remove_abandoned_uploads();
    void run(const char* what, std::function<bool(WriteTransaction&, rules::Effects&)> step);
    /// The same, for what only one instance may do.
    void run_as_leader(const char* what, std::function<bool(WriteTransaction&, rules::Effects&)> step);

    const rules::NodeContext& context_;
    rules::Operations& operations_;
    rules::Scheduler& scheduler_;
    Log& log_;
    const MaintenanceOptions options_;
    std::mutex mutex_;
    std::condition_variable idle_;
    std::size_t running_ = 0;  ///< Jobs, on the threads of the timers.
    bool is_stopped_ = false;
    std::vector<std::uint64_t> timers_;
    std::string store_problem_;  ///< As logged last; used by one timer alone.
};

}  // namespace edgesync::node
