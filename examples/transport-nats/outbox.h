// What is sent later, because whoever has it must not wait for a line: the kernel's replies.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace transport_nats {

/// Thread-safe, in order.
class Outbox {
public:
    Outbox() : thread_([this] { run(); }) {}
    ~Outbox() { stop(); }

    /// Dropped when too much waits, or after `stop`.
    void push(std::function<void()> send) {
        const std::lock_guard lock(mutex_);
        if (is_stopped_ || waiting_.size() >= kMostWaiting) return;  // The peer asks again.
        waiting_.push_back(std::move(send));
        changed_.notify_one();
    }
    void stop() {
        {
            const std::lock_guard lock(mutex_);
            is_stopped_ = true;
            waiting_.clear();
            changed_.notify_one();
        }
        if (thread_.joinable()) thread_.join();
    }

private:
    static constexpr std::size_t kMostWaiting = 4096;

    void run() {
        std::unique_lock lock(mutex_);
        for (;;) {
            changed_.wait(lock, [this] { return is_stopped_ || !waiting_.empty(); });
            if (is_stopped_) return;
            const auto send = std::move(waiting_.front());
            waiting_.pop_front();
            lock.unlock();
            send();
            lock.lock();
        }
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::function<void()>> waiting_;
    bool is_stopped_ = false;
    std::thread thread_;
};

}  // namespace transport_nats
