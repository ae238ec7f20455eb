#include "kernel/cluster/leadership.h"

#include "edgesync/sdk/error.h"

namespace edgesync::cluster {
namespace {

constexpr int kBeatsPerTimeout = 6;
constexpr int kMostFailures = 3;

}  // namespace

Leadership::Leadership(Store& store, rules::Scheduler& scheduler, Log& log, LeadershipOptions options)
    : store_(store), scheduler_(scheduler), log_(log), options_(std::move(options)), is_shared_(store.traits().is_shared) {}

void Leadership::start() {
    if (!is_shared_) return;
    {
        const std::lock_guard lock(mutex_);
        is_started_ = is_beating_ = true;
    }
    beat();
}

std::optional<std::int64_t> Leadership::term() const {
    if (!is_shared_) return 1;
    const std::lock_guard lock(mutex_);
    if (is_stopped_ || Clock::now() - confirmed_at_ > options_.timeout) return std::nullopt;
    return term_;
}

/// The time counts from before the question, because the store counts from when it answered.
void Leadership::beat() {
    const auto asked_at = Clock::now();
    try {
        note(store_.lead(options_.holder, options_.timeout), asked_at);
    } catch (const std::exception& error) {
        if (count_failure())
            log_.log(LogLevel::Warning, std::string("This instance does not lead any more, because it cannot confirm it: ") + error.what());
    }
    arm();
}

/// True if it was one too many.
bool Leadership::count_failure() {
    const std::lock_guard lock(mutex_);
    if (++failures_ != kMostFailures || !term_) return false;
    term_.reset();
    return true;
}

void Leadership::note(std::optional<std::int64_t> term, Clock::time_point asked_at) {
    bool has_begun = false;
    bool has_ended = false;
    {
        const std::lock_guard lock(mutex_);
        has_begun = term && term != term_;
        has_ended = !term && term_;
        term_ = term;
        confirmed_at_ = asked_at;
        failures_ = 0;
    }
    if (has_begun) log_.log(LogLevel::Info, "This instance leads the cluster (term " + std::to_string(*term) + ")");
    if (has_ended) log_.log(LogLevel::Warning, "Another instance leads the cluster now");
    if (has_begun && options_.has_begun) options_.has_begun();
}

void Leadership::arm() {
    const std::lock_guard lock(mutex_);
    is_beating_ = false;
    idle_.notify_all();
    if (is_stopped_) return;
    const auto period = std::chrono::duration_cast<std::chrono::milliseconds>(options_.timeout) / kBeatsPerTimeout;
    timer_ = scheduler_.after(period, [this] {
        {
            const std::lock_guard inner(mutex_);
            if (is_stopped_) return;
            is_beating_ = true;
        }
        if (!scheduler_.work([this] { beat(); })) arm();
    });
}

void Leadership::stop() noexcept {
    std::unique_lock lock(mutex_);
    if (is_stopped_) return;
    is_stopped_ = true;
    if (!is_started_) return;
    if (timer_ != 0) scheduler_.cancel(timer_);
    idle_.wait(lock, [this] { return !is_beating_; });
    const bool leads = term_.has_value();
    lock.unlock();
    if (leads) store_.resign(options_.holder);
}

}  // namespace edgesync::cluster
