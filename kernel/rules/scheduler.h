// Threads and time as the kernel's parts see them; implemented over the listener's I/O threads and the worker pool.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>

namespace edgesync::rules {

/// Thread-safe. Functions must not throw.
class Scheduler {
public:
    virtual ~Scheduler() = default;
    /// Soon, on an I/O thread; must not block.
    virtual void post(std::function<void()> function) = 0;
    /// After `delay`, on an I/O thread; must not block. Returns a handle, never 0.
    virtual std::uint64_t after(std::chrono::milliseconds delay, std::function<void()> function) = 0;
    /// The function will not be called unless it is running already. Unknown handles are ignored.
    virtual void cancel(std::uint64_t handle) = 0;
    /// On a worker thread, where it may block. False: too much waits already, nothing will be called.
    virtual bool work(std::function<void()> function) = 0;
};

}  // namespace edgesync::rules
