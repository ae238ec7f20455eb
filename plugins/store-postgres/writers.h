// The threads that run write transactions.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "group.h"

namespace edgesync::postgres {

struct WritersOptions {
    std::size_t threads = 1;
    std::chrono::milliseconds first_pause{100};  ///< Before a transaction that had a conflict twice is run again.
};

/// What waits while the threads for groups are busy runs together in one transaction; what cannot, or lost, runs alone. A transaction
/// first runs in a snapshot without any lock. If it loses, it runs again with locks, so that it waits for its turn instead of losing
/// again. Thread-safe.
class Writers {
public:
    Writers(WritersOptions options, WritersNeeds needs);
    /// Waits until everything submitted is done.
    ~Writers();

    /// @throws Error{Busy}
    void submit(std::function<void(WriteTransaction&)> f, std::function<void(std::exception_ptr)> done);
    std::uint64_t failures() const { return failures_; }
    /// Nanoseconds since 1970; 0: never.
    std::int64_t last_failure() const { return last_failure_; }

private:
    enum class Outcome { Done, Lost, Disconnected };

    void work();
    bool may_group() const { return !queue_.empty() && groups_ < most_groups_; }
    bool is_over() const { return is_closing_ && running_ == 0 && queue_.empty() && alone_.empty(); }
    std::vector<Job> take_group();
    void run_group(std::vector<Job> jobs) noexcept;
    void end_group(bool is_done, std::size_t count);
    void leave_alone(Job job);
    std::exception_ptr run(const Job& job) noexcept;
    /// `failure` is set if Done with one, Lost or Disconnected.
    Outcome attempt(const Job& job, Isolation isolation, std::exception_ptr& failure);
    void finish(const Job& job, const std::exception_ptr& failure) noexcept;
    void note(const std::exception_ptr& failure) noexcept;

    const WritersOptions options_;
    const WritersNeeds needs_;
    const std::size_t most_groups_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Job> queue_;  ///< As submitted.
    std::deque<Job> alone_;  ///< What must not be in a group.
    std::size_t groups_ = 0;
    std::size_t most_together_;
    std::size_t running_ = 0;
    bool is_closing_ = false;
    std::atomic<std::uint64_t> failures_ = 0;
    std::atomic<std::int64_t> last_failure_ = 0;
    std::vector<std::thread> threads_;
};

}  // namespace edgesync::postgres
