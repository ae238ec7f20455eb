// One I/O thread with what its connections share. Internal to this room: includes Asio.
#pragma once

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace edgesync::http {

namespace asio = boost::asio;

class Connection;

/// Timers and `post` are thread-safe; everything else belongs to the loop's thread.
class EventLoop : public std::enable_shared_from_this<EventLoop> {
public:
    static constexpr std::size_t kScratchBytes = 64 * 1024;

    EventLoop(std::size_t index, std::function<void(std::string_view)> failure);

    void start();
    void stop();
    static EventLoop* current() noexcept;
    bool is_current() const noexcept { return current() == this; }

    /// Runs the functions in their order; those that have not run at `stop`, or come after it, are dropped: they may own what owns this.
    void post(std::function<void()> function);
    /// Runs `function` on the loop and waits for it; runs it here if the loop is this thread or does not run. Throws what it throws.
    void run_and_wait(const std::function<void()>& function);

    std::uint64_t run_after(std::chrono::milliseconds delay, std::function<void()> function);
    bool cancel(std::uint64_t handle);

    asio::io_context& io() noexcept { return io_; }
    /// Octets just read or about to be written; valid until the next suspension of the coroutine that uses it.
    char* scratch() noexcept { return scratch_.data(); }
    /// A header about to be written; same rule.
    std::string& head() noexcept { return head_; }

    void add(Connection& connection);
    void remove(Connection& connection);
    /// Calls `function` for each connection; it may remove connections.
    void for_each(const std::function<void(Connection&)>& function);

    std::atomic<std::size_t> load{0};  ///< Connections given to this loop.

private:
    void run();
    void run_posted();
    void drop_posted();
    void report(const std::exception& error);
    void arm_sweep();
    void fire(std::uint64_t handle);

    const std::size_t index_;
    const std::function<void(std::string_view)> failure_;
    asio::io_context io_{1};
    asio::executor_work_guard<asio::io_context::executor_type> guard_{io_.get_executor()};
    std::thread thread_;
    std::atomic<bool> is_running_{false};

    std::mutex posted_mutex_;
    std::vector<std::function<void()>> posted_;
    bool is_stopped_ = false;

    std::vector<char> scratch_;
    std::string head_;
    std::unordered_set<Connection*> connections_;
    asio::steady_timer sweep_{io_};
    bool is_sweeping_ = false;

    struct Timer {
        asio::steady_timer timer;
        std::function<void()> function;
    };
    std::mutex timers_mutex_;
    std::uint64_t last_timer_ = 0;
    std::unordered_map<std::uint64_t, std::unique_ptr<Timer>> timers_;
};

}  // namespace edgesync::http
