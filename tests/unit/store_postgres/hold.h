// Makes what is submitted meanwhile one group.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "edgesync/sdk/store.h"

namespace edgesync::postgres {

/// Keeps all threads that put groups together busy, so that what is submitted meanwhile waits together.
class Hold {
public:
    explicit Hold(Store& store) {
        for (int i = 0; i < kGroups; ++i) {
            store.submit([this](WriteTransaction&) { wait(); }, [this](const std::exception_ptr&) { end(); });
            std::unique_lock lock(mutex_);
            EXPECT_TRUE(changed_.wait_for(lock, std::chrono::seconds(20), [&] { return waiting_ > i; }));
        }
    }
    /// Lets them go on, and waits until the threads have done what they held them with.
    ~Hold() {
        std::unique_lock lock(mutex_);
        is_released_ = true;
        changed_.notify_all();
        changed_.wait(lock, [&] { return ended_ == kGroups; });
    }

private:
    void wait() {
        std::unique_lock lock(mutex_);
        ++waiting_;
        changed_.notify_all();
        changed_.wait_for(lock, std::chrono::seconds(20), [&] { return is_released_; });
    }
    void end() {
        const std::lock_guard lock(mutex_);
        ++ended_;
        changed_.notify_all();
    }

    static constexpr int kGroups = 2;
    std::mutex mutex_;
    std::condition_variable changed_;
    int waiting_ = 0;
    bool is_released_ = false;
    int ended_ = 0;
};

}  // namespace edgesync::postgres
