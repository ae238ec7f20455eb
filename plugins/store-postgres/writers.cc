#include "writers.h"

#include <random>
#include <system_error>

#include "columns.h"

namespace edgesync::postgres {
namespace {

constexpr std::size_t kMostWaiting = 10000;
constexpr int kMostAttempts = 12;
constexpr int kMostReconnections = 2;
/// Of one group: with small data as large as it may be, a statement of 4 MiB.
constexpr std::size_t kMostTogether = 32;
/// Two, so that one can be put together while the other one waits for the disk. With more they are smaller and cost more each, which is
/// worth it only for a database that is far away or has many processors: those get more connections.
constexpr std::size_t kFewestGroups = 2;
constexpr std::size_t kThreadsPerGroup = 6;

}  // namespace

Writers::Writers(WritersOptions options, WritersNeeds needs)
    : options_(options), needs_(needs), most_groups_(std::max(kFewestGroups, options.threads / kThreadsPerGroup)),
      most_together_(kMostTogether) {
    try {
        for (std::size_t i = 0; i < options_.threads; ++i) threads_.emplace_back([this] { work(); });
    } catch (const std::system_error& error) {
        if (threads_.empty()) throw;
        needs_.log.log(LogLevel::Warning, "The database is written to by " + std::to_string(threads_.size()) + " threads instead of " +
                                              std::to_string(options_.threads) + ": " + error.what());
    }
}

Writers::~Writers() {
    {
        const std::lock_guard lock(mutex_);
        is_closing_ = true;
    }
    changed_.notify_all();
    for (auto& thread : threads_) thread.join();
}

void Writers::submit(std::function<void(WriteTransaction&)> f, std::function<void(std::exception_ptr)> done) {
    bool is_awaited = false;
    {
        const std::lock_guard lock(mutex_);
        if (queue_.size() + alone_.size() >= kMostWaiting)
            throw Error(ErrorKind::Busy, std::to_string(kMostWaiting) + " transactions wait for the database already");
        queue_.push_back({std::move(f), std::move(done), 0});
        is_awaited = may_group();
    }
    if (is_awaited) changed_.notify_one();  // Otherwise the end of a group says so.
}

// A `done` may submit while the store closes, so a thread ends only when nothing waits and nothing runs. With few threads neither
// groups nor what runs alone may keep the others waiting, so they take turns.
void Writers::work() {
    std::unique_lock lock(mutex_);
    for (bool prefers_alone = false;; prefers_alone = !prefers_alone) {
        changed_.wait(lock, [&] { return may_group() || !alone_.empty() || is_over(); });
        if (is_over()) return;
        ++running_;
        if (may_group() && (alone_.empty() || !prefers_alone)) {
            std::vector<Job> jobs = take_group();
            lock.unlock();
            run_group(std::move(jobs));
        } else {
            const Job job = std::move(alone_.front());
            alone_.pop_front();
            lock.unlock();
            finish(job, run(job));
        }
        lock.lock();
        --running_;
        if (is_closing_) changed_.notify_all();
    }
}

std::vector<Job> Writers::take_group() {
    ++groups_;
    std::vector<Job> jobs;
    for (; !queue_.empty() && jobs.size() < most_together_; queue_.pop_front()) jobs.push_back(std::move(queue_.front()));
    return jobs;
}

void Writers::run_group(std::vector<Job> jobs) noexcept {
    std::vector<Member> group;
    for (Job& job : jobs) {
        if (auto question = first_question(job, needs_)) {
            group.push_back({std::move(job), std::move(*question), nullptr});
        } else {
            leave_alone(std::move(job));
        }
    }
    const bool is_done = group.empty() || run_together(group, needs_);
    for (Member& member : group) {
        if (is_done) {
            if (member.failure) note(member.failure);
            finish(member.job, member.failure);
        } else {
            // Nobody else was there to lose against but other groups and instances, so it goes on with locks.
            if (group.size() == 1) member.job.attempts = 1;
            leave_alone(std::move(member.job));
        }
    }
    end_group(is_done, group.size());
}

// After the answers, so that what they lead to is in the next group. Groups that lose, because of records that everybody changes, become
// smaller, until they lose nobody else's work.
void Writers::end_group(bool is_done, std::size_t count) {
    {
        const std::lock_guard lock(mutex_);
        --groups_;
        most_together_ = is_done ? std::min(kMostTogether, most_together_ + 1) : std::max<std::size_t>(1, count / 2);
    }
    changed_.notify_one();
}

void Writers::leave_alone(Job job) {
    {
        const std::lock_guard lock(mutex_);
        alone_.push_back(std::move(job));
    }
    changed_.notify_one();
}

void Writers::finish(const Job& job, const std::exception_ptr& failure) noexcept {
    try {
        job.done(failure);
    } catch (const std::exception& e) {
        needs_.log.log(LogLevel::Error, std::string("the completion of a transaction threw: ") + e.what());
    } catch (...) {
        needs_.log.log(LogLevel::Error, "the completion of a transaction threw");
    }
}

std::exception_ptr Writers::run(const Job& job) noexcept {
    std::exception_ptr failure;
    try {
        thread_local std::minstd_rand random(std::random_device{}());
        auto pause = options_.first_pause;
        int reconnections = 0;
        for (int attempts = job.attempts; attempts < kMostAttempts;) {
            switch (attempt(job, attempts == 0 ? Isolation::Snapshot : Isolation::Locking, failure)) {
                case Outcome::Done:
                    if (failure) note(failure);
                    return failure;
                case Outcome::Disconnected:
                    if (++reconnections > kMostReconnections) attempts = kMostAttempts;
                    break;
                case Outcome::Lost:
                    if (++attempts < 2 || attempts == kMostAttempts) break;
                    std::this_thread::sleep_for(std::chrono::milliseconds(random() % static_cast<std::uint64_t>(pause.count() + 1)));
                    pause = std::min(pause * 2, options_.first_pause * 16);
                    break;
            }
        }
    } catch (...) {
        failure = std::current_exception();
    }
    note(failure);
    return failure;
}

// A connection that breaks before COMMIT was sent has changed nothing, so the transaction may run again on another one. Whether one
// that broke later was committed is unknown: the caller gets NotConnected.
Writers::Outcome Writers::attempt(const Job& job, Isolation isolation, std::exception_ptr& failure) {
    failure = nullptr;
    try {
        auto connection = needs_.pool.take();
        Transaction transaction(*connection, isolation);
        Writes writes(transaction, needs_.blobs, needs_.sources);
        try {
            job.f(writes);
            writes.commit();
            if (writes.has_told()) needs_.feed.told();
            return Outcome::Done;
        } catch (...) {
            failure = std::current_exception();
        }
        if (transaction.has_conflict()) return Outcome::Lost;
        if (!connection->is_usable() && !transaction.was_committing()) return Outcome::Disconnected;
        if (!connection->is_usable()) needs_.feed.in_doubt();
    } catch (...) {
        failure = std::current_exception();
    }
    return Outcome::Done;
}

/// What a closure throws on purpose is no failure of the store.
void Writers::note(const std::exception_ptr& failure) noexcept {
    try {
        std::rethrow_exception(failure);
    } catch (const Error& e) {
        const bool is_ours = e.kind() == ErrorKind::NotConnected || e.kind() == ErrorKind::NoSpace || e.kind() == ErrorKind::Io ||
                             e.kind() == ErrorKind::Timeout || e.kind() == ErrorKind::Corrupt;
        if (!is_ours) return;
    } catch (...) {
        return;
    }
    ++failures_;
    last_failure_ = nanoseconds(std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now()));
}

}  // namespace edgesync::postgres
