#include "kernel/node/work_runner.h"

#include "edgesync/sdk/error.h"
#include "kernel/addressing/distribution.h"

namespace edgesync::node {
namespace {

/// Another process takes over an item this long after its holder died.
constexpr std::chrono::seconds kLease{60};
constexpr std::chrono::milliseconds kPauseAfterFailure{2000};
constexpr std::chrono::milliseconds kLongestStep{2};

}  // namespace

WorkRunner::WorkRunner(const rules::NodeContext& context, rules::Operations& operations, rules::Scheduler& scheduler, Log& log)
    : context_(context), operations_(operations), scheduler_(scheduler), log_(log) {}

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

WorkRunner::Step WorkRunner::step(WriteTransaction& txn, rules::Effects& effects) {
    Step result;
    // Many items are small (a new node with nothing to be told); they share a commit, but none waits long for another.
    const auto end = std::chrono::steady_clock::now() + kLongestStep;
    do {
        const auto items = txn.claim_work(context_.now(), kLease, 1);
        if (items.empty()) return result;
        result.found = true;
        try {
            addressing::run_work_step(context_, txn, items.front(), effects);
        } catch (const Error& error) {
            if (error.kind() != ErrorKind::Corrupt) throw;
            // An item that cannot be read would be tried for ever.
            txn.complete_work(items.front().id);
            result.problem = error.what();
        }
    } while (std::chrono::steady_clock::now() < end);
    return result;
}

void WorkRunner::next() {
    operations_.run<Step>([this](WriteTransaction& txn, rules::Effects& effects) { return step(txn, effects); },
                          [this](rules::Outcome<Step> outcome) {
                              const bool has_failed = outcome.error != nullptr;
                              if (outcome.value && !outcome.value->problem.empty()) log_.log(LogLevel::Error, outcome.value->problem);
                              bool goes_on = false;
                              {
                                  const std::lock_guard lock(mutex_);
                                  goes_on = !is_stopped_ && !has_failed && ((outcome.value && outcome.value->found) || must_run_again_);
                                  must_run_again_ = false;
                                  is_running_ = goes_on;
                                  if (has_failed && !is_stopped_) timer_ = scheduler_.after(kPauseAfterFailure, [this] { kick(); });
                                  idle_.notify_all();
                              }
                              if (goes_on) next();
                          });
}

void WorkRunner::stop() {
    std::unique_lock lock(mutex_);
    is_stopped_ = true;
    if (timer_ != 0) scheduler_.cancel(timer_);
    idle_.wait(lock, [this] { return !is_running_; });
}

}  // namespace edgesync::node
