#include "kernel/node/work_runner.h"

#include <algorithm>

#include "edgesync/sdk/error.h"
#include "kernel/addressing/work_step.h"

namespace edgesync::node {
namespace {

/// Another process takes over an item this long after its holder died. Nothing is put off for longer.
constexpr std::chrono::seconds kLease{60};
constexpr std::chrono::seconds kPauseAfterFailure{10};
constexpr std::chrono::milliseconds kSoon{100};
constexpr std::chrono::milliseconds kLongestPause{5000};
constexpr std::chrono::seconds kLogInterval{60};
constexpr std::chrono::milliseconds kLongestStep{2};

}  // namespace

WorkRunner::WorkRunner(const rules::NodeContext& context, rules::Operations& operations, rules::Scheduler& scheduler, Log& log)
    : context_(context), operations_(operations), scheduler_(scheduler), log_(log, kLogInterval) {}

void WorkRunner::kick() {
    {
        const std::lock_guard lock(mutex_);
        if (is_stopped_) return;
        if (is_running_) {
            must_run_again_ = true;
            return;
        }
        is_running_ = true;
    }
    next();
}

// A time that is later than anything could have been put off comes from a clock that was ahead, and means nothing.
std::optional<WorkItem> WorkRunner::claim(WriteTransaction& txn, std::chrono::seconds lease, std::optional<TimePoint>& later) const {
    const TimePoint now = context_.now();
    auto items = txn.claim_work(now, lease, 1);
    if (items.empty()) later = txn.next_work();
    if (items.empty() && later && *later > now + kLease) {
        items = txn.claim_work(*later, lease, 1);
        for (WorkItem& item : items) {
            item.not_before = now;
            txn.reschedule_work(item.id, now + lease, item.payload);
        }
    }
    return items.empty() ? std::nullopt : std::optional(std::move(items.front()));
}

WorkRunner::Step WorkRunner::step(WriteTransaction& txn, rules::Effects& effects) {
    Step result;
    current_ = {};
    // Many items are small (a new node with nothing to be told); they share a commit, but none waits long for another.
    const auto end = std::chrono::steady_clock::now() + kLongestStep;
    do {
        const auto item = claim(txn, kLease, result.next);
        if (!item) return result;
        result.found = true;
        current_ = *item;
        try {
            addressing::run_work_step(context_, txn, *item, effects);
        } catch (const Error& error) {
            if (error.kind() != ErrorKind::InvalidRequest) throw;
            // An item that cannot be read would be tried for ever.
            txn.complete_work(item->id);
            result.problem = error.what();
        }
    } while (std::chrono::steady_clock::now() < end);
    return result;
}

void WorkRunner::next() {
    operations_.run<Step>([this](WriteTransaction& txn, rules::Effects& effects) { return step(txn, effects); },
                          [this](rules::Outcome<Step> outcome) {
                              if (outcome.error) return put_off(outcome.error);
                              if (!outcome.value->problem.empty()) log_.log(LogLevel::Error, outcome.value->problem);
                              bool goes_on = false;
                              {
                                  const std::lock_guard lock(mutex_);
                                  pause_ = {};
                                  goes_on = !is_stopped_ && (outcome.value->found || must_run_again_);
                                  must_run_again_ = false;
                                  is_running_ = goes_on;
                                  if (!goes_on && outcome.value->next) wake_at(*outcome.value->next);
                                  idle_.notify_all();
                              }
                              if (goes_on) next();
                          });
}

/// With the lock held. Such an item was put off, or was claimed by a process that died.
void WorkRunner::wake_at(TimePoint time) {
    if (is_stopped_) return;
    if (timer_ != 0) scheduler_.cancel(timer_);
    const auto wait = std::chrono::duration_cast<std::chrono::milliseconds>(time - context_.now());
    timer_ = scheduler_.after(std::max(wait, kSoon), [this] { kick(); });
}

/// Lets the items behind the one that failed come first. It is claimed anew for that, because another instance may have gone on with it.
void WorkRunner::put_off(const std::exception_ptr& error) {
    std::string problem = "unknown";
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& failure) {
        problem = failure.what();
    }
    log_.log(LogLevel::Error, "Work in the background failed and is tried again: " + problem);
    operations_.run<rules::Done>(
        [this](WriteTransaction& txn, rules::Effects&) {
            std::optional<TimePoint> later;
            const auto item = claim(txn, kPauseAfterFailure, later);
            if (item && item->id != current_.id) txn.reschedule_work(item->id, item->not_before, item->payload);
            return rules::Done{};
        },
        [this](const rules::Outcome<rules::Done>& outcome) {
            const std::lock_guard lock(mutex_);
            is_running_ = false;
            // A store that is away fails every attempt.
            pause_ = outcome.error ? std::clamp(pause_ * 2, kSoon, kLongestPause) : kSoon;
            wake_at(context_.now() + pause_);
            idle_.notify_all();
        });
}

void WorkRunner::stop() {
    std::unique_lock lock(mutex_);
    is_stopped_ = true;
    if (timer_ != 0) scheduler_.cancel(timer_);
    idle_.wait(lock, [this] { return !is_running_; });
}

}  // namespace edgesync::node
