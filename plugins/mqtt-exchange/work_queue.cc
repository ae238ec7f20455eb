#include "work_queue.h"

#include <system_error>
#include <utility>

namespace edgesync::mqtt_exchange {

/// With the lock held.
bool WorkQueue::take(std::function<void()> work) {
    waiting_.push_back(std::move(work));
    try {
        if (idle_ < waiting_.size() && threads_.size() < most_threads_) threads_.emplace_back([this] { run(); });
    } catch (const std::system_error&) {
        // The system has no more threads; those that there are do it.
        if (threads_.empty()) return waiting_.pop_back(), false;
    }
    has_work_.notify_one();
    return true;
}

bool WorkQueue::push(std::function<void()> work) {
    std::unique_lock lock(mutex_);
    has_room_.wait(lock, [this] { return is_stopped_ || waiting_.size() < length_; });
    return !is_stopped_ && take(std::move(work));
}

bool WorkQueue::try_push(std::function<void()> work) {
    const std::lock_guard lock(mutex_);
    return !is_stopped_ && waiting_.size() < length_ && take(std::move(work));
}

void WorkQueue::run() {
    std::unique_lock lock(mutex_);
    for (;;) {
        ++idle_;
        has_work_.wait(lock, [this] { return is_stopped_ || !waiting_.empty(); });
        --idle_;
        if (is_stopped_) return;
        const auto work = std::move(waiting_.front());
        waiting_.pop_front();
        has_room_.notify_one();
        lock.unlock();
        work();
        lock.lock();
    }
}

void WorkQueue::stop() {
    std::vector<std::thread> threads;
    {
        const std::lock_guard lock(mutex_);
        is_stopped_ = true;
        waiting_.clear();
        threads.swap(threads_);
        has_work_.notify_all();
        has_room_.notify_all();
    }
    for (auto& thread : threads) thread.join();
}

}  // namespace edgesync::mqtt_exchange
