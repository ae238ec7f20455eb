// Threads for messages whose handling blocks, behind a bounded queue.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace edgesync::mqtt_exchange {

/// Thread-safe. Threads start when there is work for them and stay.
class WorkQueue {
public:
    WorkQueue(std::size_t threads, std::size_t length) : most_threads_(threads), length_(length) {}
    ~WorkQueue() { stop(); }
    WorkQueue(const WorkQueue&) = delete;
    WorkQueue& operator=(const WorkQueue&) = delete;

    /// Waits while the queue is full: whoever brings work faster than it is done is slowed down. False: stopped, or the
    /// system has no thread; `work` was not taken.
    bool push(std::function<void()> work);
    /// The same without waiting. False: also when it is full.
    bool try_push(std::function<void()> work);
    /// Drops what waits, joins the threads; from no thread of its own. Repeatable.
    void stop();

private:
    bool take(std::function<void()> work);
    void run();

    const std::size_t most_threads_;
    const std::size_t length_;
    std::mutex mutex_;
    std::condition_variable has_work_;
    std::condition_variable has_room_;
    std::deque<std::function<void()>> waiting_;
    std::vector<std::thread> threads_;
    std::size_t idle_ = 0;
    bool is_stopped_ = false;
};

}  // namespace edgesync::mqtt_exchange
