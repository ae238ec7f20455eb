#include "kernel/node/maintenance.h"

#include <algorithm>

#include "edgesync/sdk/error.h"
#include "kernel/delivery/inbound.h"
#include "kernel/delivery/registration.h"
#include "kernel/objects/lifecycle.h"

namespace edgesync::node {
namespace {

constexpr std::size_t kStep = 200;
constexpr std::chrono::milliseconds kEveryMinute = std::chrono::minutes(1);
constexpr std::chrono::milliseconds kBetweenLooksAtStore = std::chrono::seconds(1);
constexpr std::chrono::milliseconds kEveryTenSeconds = std::chrono::seconds(10);
constexpr std::chrono::milliseconds kHourly = std::chrono::hours(1);

}  // namespace

MaintenanceOptions MaintenanceOptions::from(const Settings& settings) {
    MaintenanceOptions options;
    options.resend_interval = std::chrono::seconds(settings.integer("ResendInterval"));
    options.activation_interval = std::chrono::seconds(settings.integer("ObjectActivationInterval"));
    options.expiration_interval = std::chrono::seconds(settings.integer("StorageMaintenanceInterval"));
    options.silent_node_limit = std::chrono::hours(24 * settings.integer("RemoveESSRegistrationTime"));
    options.upload_limit = std::chrono::seconds(settings.integer("UploadStagingTimeout"));
    return options;
}

Maintenance::Maintenance(const rules::NodeContext& context, rules::Operations& operations, rules::Scheduler& scheduler, Log& log,
                         MaintenanceOptions options)
    : context_(context), operations_(operations), scheduler_(scheduler), log_(log), options_(std::move(options)) {}

void Maintenance::start() {
    every(kBetweenLooksAtStore, [this] { watch_store(); });
    every_reading(options_.resend_interval, [this] { repeat_due(); });
    every_reading(options_.activation_interval, [this] { activate_due(); });
    if (context_.is_css()) every_reading(options_.expiration_interval, [this] { expire_due(); });
    if (context_.is_css() && options_.silent_node_limit.count() > 0) {
        remove_silent_nodes();
        every(kHourly, [this] { remove_silent_nodes(); });
    }
    every(std::min<std::chrono::milliseconds>(kHourly, options_.upload_limit), [this] { remove_abandoned_uploads(); });
    if (options_.scan_verifications) {
        every(kEveryMinute, [this] {
            if (options_.term()) options_.scan_verifications();
        });
    }
    if (options_.look_for_work) every(kEveryTenSeconds, options_.look_for_work);
}

void Maintenance::stop() {
    std::unique_lock lock(mutex_);
    is_stopped_ = true;
    for (const auto timer : timers_) scheduler_.cancel(timer);
    idle_.wait(lock, [this] { return running_ == 0; });
}

void Maintenance::every(std::chrono::milliseconds interval, std::function<void()> job) { add({interval, std::move(job)}); }

void Maintenance::every_reading(std::chrono::milliseconds interval, std::function<void()> job) {
    add({interval, std::move(job), operations_.store().traits().reads_block});
}

void Maintenance::add(Job job) {
    std::size_t index = 0;
    {
        const std::lock_guard lock(mutex_);
        index = timers_.size();
        timers_.push_back(0);
    }
    arm(index, std::move(job));
}

/// A job's next time comes after its end: a store that does not answer must not take one worker after the other.
void Maintenance::arm(std::size_t timer, Job job) {
    const std::lock_guard lock(mutex_);
    if (is_stopped_) return;
    const auto interval = job.interval;
    timers_[timer] = scheduler_.after(interval, [this, timer, job = std::move(job)] {
        const auto turn = [this, timer, job] {
            do_turn(job);
            arm(timer, job);
        };
        if (!job.may_block) return turn();
        if (!scheduler_.work(turn)) arm(timer, job);
    });
}

void Maintenance::do_turn(const Job& job) {
    {
        const std::lock_guard lock(mutex_);
        if (is_stopped_) return;
        if (!job.may_block) ++running_;
    }
    try {
        job.run();
    } catch (const std::exception& error) {
        log_.log(LogLevel::Error, std::string("Maintenance failed, it is tried again at its next time: ") + error.what());
    }
    if (job.may_block) return;
    const std::lock_guard lock(mutex_);
    --running_;
    idle_.notify_all();
}

/// Repeats `step` (true: there is more) until it is done; a failure waits for the next tick.
void Maintenance::run(const char* what, std::function<bool(WriteTransaction&, rules::Effects&)> step) {
    {
        const std::lock_guard lock(mutex_);
        if (is_stopped_) return;
    }
    operations_.run<bool>(step, [this, what, step](rules::Outcome<bool> outcome) {
        if (outcome.error) {
            try {
                std::rethrow_exception(outcome.error);
            } catch (const std::exception& error) {
                log_.log(LogLevel::Error, std::string(what) + " failed: " + error.what());
            }
            return;
        }
        if (*outcome.value) run(what, step);
    });
}

// The store itself refuses what an instance does that was paused until another one took over.
void Maintenance::run_as_leader(const char* what, std::function<bool(WriteTransaction&, rules::Effects&)> step) {
    const auto term = options_.term();
    if (!term) return;
    run(what, [term = *term, step = std::move(step)](WriteTransaction& txn, rules::Effects& effects) {
        txn.require_leadership(term);
        return step(txn, effects);
    });
}

// Once for each time that it lasts: while a server is away its failure may be worded differently at each attempt.
void Maintenance::watch_store() {
    const std::string problem = operations_.store().health().problem;
    if (problem.empty() == store_problem_.empty()) return;
    store_problem_ = problem;
    if (problem.empty()) return log_.log(LogLevel::Info, "The store is well again");
    log_.log(LogLevel::Error, "The store is not well: " + problem);
}

void Maintenance::repeat_due() {
    if (options_.may_send && !options_.may_send()) return;
    if (options_.resume_transfers) scheduler_.work([this] { options_.resume_transfers(); });
    bool is_due = false;
    operations_.store().read([&](ReadTransaction& txn) { is_due = !txn.due_notifications(context_.now(), 1).empty(); });
    if (!is_due) return;
    run("Repeating messages",
        [this](WriteTransaction& txn, rules::Effects& effects) { return delivery::repeat_due(context_, txn, kStep, effects) == kStep; });
}

void Maintenance::activate_due() {
    if (!options_.term()) return;
    bool is_due = false;
    operations_.store().read([&](ReadTransaction& txn) { is_due = !txn.objects_to_activate(context_.now(), 1).empty(); });
    if (!is_due) return;
    run_as_leader("Activation", [this](WriteTransaction& txn, rules::Effects& effects) {
        const TimePoint now = context_.now();
        const auto due = txn.objects_to_activate(now, kStep);
        for (const auto& key : due) objects::activate_if_due(context_, txn, key, now, effects);
        return due.size() == kStep;
    });
}

void Maintenance::expire_due() {
    if (!options_.term()) return;
    bool is_due = false;
    operations_.store().read([&](ReadTransaction& txn) { is_due = !txn.expired_objects(context_.now(), 1).empty(); });
    if (!is_due) return;
    run_as_leader("Expiration", [this](WriteTransaction& txn, rules::Effects& effects) {
        const TimePoint now = context_.now();
        const auto due = txn.expired_objects(now, kStep);
        for (const auto& key : due) objects::expire_if_due(context_, txn, key, now, effects);
        return due.size() == kStep;
    });
}

void Maintenance::remove_silent_nodes() {
    run_as_leader("Removing silent nodes", [this](WriteTransaction& txn, rules::Effects& effects) {
        return delivery::remove_inactive(context_, txn, context_.now() - options_.silent_node_limit, kStep, effects) == kStep;
    });
}

void Maintenance::remove_abandoned_uploads() {
    run_as_leader("Removing abandoned uploads", [this](WriteTransaction& txn, rules::Effects&) {
        return objects::remove_abandoned_uploads(txn, context_.now() - options_.upload_limit, kStep) == kStep;
    });
}

}  // namespace edgesync::node
