// The threads that run write transactions.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "feed.h"
#include "writes.h"

namespace edgesync::postgres {

struct WritersOptions {
    std::size_t threads = 1;
    std::chrono::milliseconds first_pause{100};  ///< Before a transaction that had a conflict twice is run again.
};

/// What the transactions need.
struct WritersNeeds {
    ConnectionPool& pool;
    Blobs& blobs;
    Sources sources;
    Feed& feed;
    Log& log;
};

/// A transaction first runs in a snapshot without any lock. If it loses, it runs again with locks, so that it waits for its turn
/// instead of losing again. Thread-safe.
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
    struct Job {
        std::function<void(WriteTransaction&)> f;
        std::function<void(std::exception_ptr)> done;
    };
    enum class Outcome { Done, Lost, Disconnected };

    void work();
    std::exception_ptr run(const Job& job) noexcept;
    /// `failure` is set if Done with one, Lost or Disconnected.
    Outcome attempt(const Job& job, Isolation isolation, std::exception_ptr& failure);
    void note(const std::exception_ptr& failure) noexcept;

    const WritersOptions options_;
    const WritersNeeds needs_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Job> queue_;
    std::size_t running_ = 0;
    bool is_closing_ = false;
    std::atomic<std::uint64_t> failures_ = 0;
    std::atomic<std::int64_t> last_failure_ = 0;
    std::vector<std::thread> threads_;
};

}  // namespace edgesync::postgres
