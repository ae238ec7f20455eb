// The threads that do the network's input and output, with timers for everybody else.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

namespace edgesync::http {

class EventLoop;

/// One event loop per thread; a connection stays on one loop, so that it needs no locks. Nothing that runs here may block.
/// Thread-safe. Must outlive every Listener on it.
class IoContext {
public:
    /// `failure` gets one line when a posted function or a timer throws (the loop goes on); called on an I/O thread.
    explicit IoContext(std::size_t threads = 0, const std::function<void(std::string_view)>& failure = {});  ///< 0: one per core.
    /// As `stop`.
    ~IoContext();
    IoContext(const IoContext&) = delete;
    IoContext& operator=(const IoContext&) = delete;

    /// Starts the threads. Work posted and timers set before are kept until then.
    void start();
    /// Joins the threads; functions that have not run are dropped. Not from an I/O thread. Repeatable; no start afterwards.
    void stop();

    /// Runs `function` soon on an I/O thread; from an I/O thread: on the same one. No order between posts of different threads.
    void post(std::function<void()> function);
    /// Runs `function` once on an I/O thread after `delay`. Returns a handle for `cancel`, never 0.
    std::uint64_t run_after(std::chrono::milliseconds delay, std::function<void()> function);
    /// The function will not start after this returns. False: it ran, runs, or was cancelled before.
    bool cancel(std::uint64_t handle);

    std::size_t threads() const noexcept { return loops_.size(); }
    /// For this room.
    const std::vector<std::shared_ptr<EventLoop>>& loops() const noexcept { return loops_; }

private:
    std::vector<std::shared_ptr<EventLoop>> loops_;
};

}  // namespace edgesync::http
