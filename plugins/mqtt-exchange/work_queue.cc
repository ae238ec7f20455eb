#include "work_queue.h"

#include <utility>

namespace edgesync::mqtt_exchange {

/// With the lock held.
void WorkQueue::start_thread() {
    if (idle_ >= waiting_.size() || threads_.size() >= most_threads_) return;
    threads_.emplace_back([this] { run(); });
}

bool WorkQueue::push(std::function<void()> work) {
    std::unique_lock lock(mutex_);
    has_room_.wait(lock, [this] { return is_stopped_ || waiting_.size() < length_; });
    if (is_stopped_) return false;
    waiting_.push_back(std::move(work));
    start_thread();
    has_work_.notify_one();
    return true;
}

bool WorkQueue::try_push(std::function<void()> work) {
    const std::lock_guard lock(mutex_);
    if (is_stopped_ || waiting_.size() >= length_) return false;
    waiting_.push_back(std::move(work));
    start_thread();
    has_work_.notify_one();
    return true;
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
