// Parts of a node on a real store and real threads.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <future>
#include <mutex>
#include <thread>
#include <vector>

#include "kernel/node/node_scheduler.h"
#include "tests/unit/rules/rule_fixture.h"

namespace edgesync::testing {

/// Threads wait at it, at most 30 s, until the test opens it.
class Gate {
public:
    Gate() = default;
    /// Returns when nobody is at it any more: who has just been let through may still be on the way out.
    ~Gate() {
        open();
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return inside_ == 0; });
    }
    Gate(const Gate&) = delete;
    Gate& operator=(const Gate&) = delete;

    void open() {
        const std::lock_guard lock(mutex_);
        is_open_ = true;
        changed_.notify_all();
    }
    void pass() {
        std::unique_lock lock(mutex_);
        ++inside_;
        changed_.wait_for(lock, std::chrono::seconds(30), [this] { return is_open_; });
        --inside_;
        changed_.notify_all();
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    int inside_ = 0;
    bool is_open_ = false;
};

/// Waits at most 30 s.
inline bool eventually(const std::function<bool()>& condition) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return true;
}

class ThreadsTest : public RuleTest {
protected:
    explicit ThreadsTest(NodeRole role) : RuleTest(role) { io_.start(); }

    void TearDown() override {
        for (const auto& stop : stops_) stop();
        io_.stop();
        workers_.stop();
        // The store's thread still reports what was submitted, to this object.
        std::promise<void> done;
        store_->submit([](WriteTransaction&) {}, [&done](const std::exception_ptr&) { done.set_value(); });
        done.get_future().wait();
    }

    void run(rules::Effects effects) override {
        if (on_effects) on_effects(effects);
    }

    std::function<void(const rules::Effects&)> on_effects;
    std::vector<std::function<void()>> stops_;
    http::IoContext io_{1};
    ops::WorkerPool workers_;
    node::NodeScheduler scheduler_{io_, workers_, log_};
};

}  // namespace edgesync::testing
