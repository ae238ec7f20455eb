#include "writers.h"

#include <random>

#include "columns.h"

namespace edgesync::postgres {
namespace {

constexpr std::size_t kMostWaiting = 10000;
constexpr int kMostAttempts = 12;
constexpr int kMostReconnections = 2;

}  // namespace

Writers::Writers(WritersOptions options, WritersNeeds needs) : options_(options), needs_(needs) {
    for (std::size_t i = 0; i < options_.threads; ++i) threads_.emplace_back([this] { work(); });
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
    {
        const std::lock_guard lock(mutex_);
        if (queue_.size() >= kMostWaiting)
            throw Error(ErrorKind::Busy, std::to_string(kMostWaiting) + " transactions wait for the database already");
        queue_.push_back({std::move(f), std::move(done)});
    }
    changed_.notify_one();
}

// A `done` may submit while the store closes, so a thread ends only when nothing waits and nothing runs.
void Writers::work() {
    std::unique_lock lock(mutex_);
    for (;;) {
        changed_.wait(lock, [&] { return !queue_.empty() || (is_closing_ && running_ == 0); });
        if (queue_.empty()) return;
        Job job = std::move(queue_.front());
        queue_.pop_front();
        ++running_;
        lock.unlock();
        const std::exception_ptr failure = run(job);
        try {
            job.done(failure);
        } catch (const std::exception& e) {
            needs_.log.log(LogLevel::Error, std::string("the completion of a transaction threw: ") + e.what());
        } catch (...) {
            needs_.log.log(LogLevel::Error, "the completion of a transaction threw");
        }
        job = {};
        lock.lock();
        --running_;
        if (is_closing_) changed_.notify_all();
    }
}

std::exception_ptr Writers::run(const Job& job) noexcept {
    std::exception_ptr failure;
    try {
        thread_local std::minstd_rand random(std::random_device{}());
        auto pause = options_.first_pause;
        int reconnections = 0;
        for (int attempts = 0; attempts < kMostAttempts;) {
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
