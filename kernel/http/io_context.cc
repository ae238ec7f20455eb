#include "kernel/http/io_context.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <future>

#include "kernel/http/connection.h"
#include "kernel/http/event_loop.h"

namespace edgesync::http {
namespace {

/// How late a deadline of a connection may be noticed.
constexpr std::chrono::milliseconds kSweepInterval{250};
/// The lowest bits of a timer's handle say which loop has it.
constexpr std::uint64_t kLoopBits = 8;

thread_local EventLoop* current_loop = nullptr;

}  // namespace

EventLoop::EventLoop(std::size_t index, std::function<void(std::string_view)> failure)
    : index_(index), failure_(std::move(failure)), scratch_(kScratchBytes) {
    head_.reserve(1024);
}

EventLoop* EventLoop::current() noexcept { return current_loop; }

void EventLoop::start() {
    if (is_running_.exchange(true)) return;
    thread_ = std::thread([this] { run(); });
    pthread_setname_np(thread_.native_handle(), "http-io");
}

void EventLoop::stop() {
    guard_.reset();
    io_.stop();
    if (thread_.joinable()) thread_.join();
    is_running_ = false;
    drop_posted();
    decltype(timers_) timers;
    {
        const std::lock_guard lock(timers_mutex_);
        timers.swap(timers_);
    }
    timers.clear();
    sweep_.cancel();
    // What is left are completions of operations that were cancelled; they may own what owns this.
    io_.restart();
    io_.poll();
}

void EventLoop::post(std::function<void()> function) {
    {
        const std::lock_guard lock(posted_mutex_);
        if (is_stopped_) return;
        posted_.push_back(std::move(function));
        if (posted_.size() > 1) return;
    }
    // One wake-up for all that come until the thread looks.
    asio::post(io_, [this] { run_posted(); });
}

void EventLoop::run_posted() {
    std::vector<std::function<void()>> functions;
    {
        const std::lock_guard lock(posted_mutex_);
        functions.swap(posted_);
    }
    for (auto& function : functions) {
        try {
            function();
        } catch (const std::exception& error) {
            report(error);
        }
        function = nullptr;
    }
}

void EventLoop::drop_posted() {
    std::vector<std::function<void()>> functions;
    {
        const std::lock_guard lock(posted_mutex_);
        is_stopped_ = true;
        functions.swap(posted_);
    }
}

void EventLoop::report(const std::exception& error) {
    if (failure_) failure_(std::string("a function on an I/O thread failed: ") + error.what());
}

void EventLoop::run() {
    // sendfile and the TLS library have no flag against the signal that a closed peer raises.
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    current_loop = this;
    for (;;) {
        try {
            io_.run();
            break;
        } catch (const std::exception& error) {
            report(error);
        }
    }
    current_loop = nullptr;
}

void EventLoop::run_and_wait(const std::function<void()>& function) {
    if (is_current() || !is_running_) return function();
    std::promise<void> done;
    post([&] {
        try {
            function();
            done.set_value();
        } catch (...) {
            done.set_exception(std::current_exception());
        }
    });
    done.get_future().get();
}

std::uint64_t EventLoop::run_after(std::chrono::milliseconds delay, std::function<void()> function) {
    auto timer = std::make_unique<Timer>(Timer{asio::steady_timer(io_, delay), std::move(function)});
    const std::lock_guard lock(timers_mutex_);
    const std::uint64_t handle = (++last_timer_ << kLoopBits) | index_;
    timer->timer.async_wait([this, handle](const boost::system::error_code&) { fire(handle); });
    timers_.emplace(handle, std::move(timer));
    return handle;
}

void EventLoop::fire(std::uint64_t handle) {
    std::unique_lock lock(timers_mutex_);
    auto node = timers_.extract(handle);
    lock.unlock();
    if (node) node.mapped()->function();
}

bool EventLoop::cancel(std::uint64_t handle) {
    std::unique_lock lock(timers_mutex_);
    auto node = timers_.extract(handle);
    if (node) node.mapped()->timer.cancel();
    lock.unlock();  // The function's captures may do anything when they are destroyed.
    return !node.empty();
}

void EventLoop::add(Connection& connection) {
    connections_.insert(&connection);
    if (!is_sweeping_) arm_sweep();
}

void EventLoop::remove(Connection& connection) { connections_.erase(&connection); }

void EventLoop::for_each(const std::function<void(Connection&)>& function) {
    // A connection may end, and leave the set, while it is told something.
    std::vector<std::shared_ptr<Connection>> all;
    all.reserve(connections_.size());
    for (Connection* connection : connections_) all.push_back(connection->shared_from_this());
    for (const auto& connection : all) function(*connection);
}

void EventLoop::arm_sweep() {
    is_sweeping_ = true;
    sweep_.expires_after(kSweepInterval);
    sweep_.async_wait([this](const boost::system::error_code& error) {
        is_sweeping_ = false;
        if (error) return;
        const auto now = std::chrono::steady_clock::now();
        std::vector<std::shared_ptr<Connection>> late;
        for (Connection* connection : connections_) {
            if (connection->is_late(now)) late.push_back(connection->shared_from_this());
        }
        if (!connections_.empty()) arm_sweep();
        for (const auto& connection : late) connection->raise(kTimedOut);
    });
}

IoContext::IoContext(std::size_t threads, const std::function<void(std::string_view)>& failure) {
    if (threads == 0) threads = std::max<std::size_t>(1, std::thread::hardware_concurrency());
    threads = std::min<std::size_t>(threads, 1U << kLoopBits);
    for (std::size_t i = 0; i < threads; ++i) loops_.push_back(std::make_shared<EventLoop>(i, failure));
}

IoContext::~IoContext() { stop(); }

void IoContext::start() {
    for (const auto& loop : loops_) loop->start();
}

void IoContext::stop() {
    for (const auto& loop : loops_) loop->stop();
}

namespace {

EventLoop& next_loop(const std::vector<std::shared_ptr<EventLoop>>& loops) {
    if (EventLoop* current = EventLoop::current()) {
        for (const auto& loop : loops) {
            if (loop.get() == current) return *loop;
        }
    }
    static std::atomic<std::size_t> turn{0};
    return *loops[turn++ % loops.size()];
}

}  // namespace

void IoContext::post(std::function<void()> function) { next_loop(loops_).post(std::move(function)); }

std::uint64_t IoContext::run_after(std::chrono::milliseconds delay, std::function<void()> function) {
    return next_loop(loops_).run_after(delay, std::move(function));
}

bool IoContext::cancel(std::uint64_t handle) {
    const std::size_t index = handle & ((1U << kLoopBits) - 1);
    return index < loops_.size() && loops_[index]->cancel(handle);
}

}  // namespace edgesync::http
