// A coroutine that its caller awaits, for code that stays on one event loop. Internal to this room.
#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

namespace edgesync::http {

/// Parameters may be references, because the caller waits. Arguments of class type must not be temporaries: GCC 12 destroys those of
/// an awaited call twice.
///
/// Starts when awaited; runs at once until its first suspension. Cheaper than Asio's awaitable because it never changes threads:
/// a task that ends without suspending costs its frame and nothing else. Not thread-safe.
template <typename T>
class Task {
public:
    struct promise_type {
        std::optional<T> value;
        std::exception_ptr error;
        std::coroutine_handle<> caller;  ///< Set once the caller really waits.

        Task get_return_object() { return Task(std::coroutine_handle<promise_type>::from_promise(*this)); }
        std::suspend_always initial_suspend() noexcept { return {}; }
        struct Final {
            bool await_ready() noexcept { return false; }
            void await_suspend(std::coroutine_handle<promise_type> self) noexcept {
                // The caller may destroy this frame while it runs.
                if (const auto caller = self.promise().caller) caller.resume();
            }
            void await_resume() noexcept {}
        };
        Final final_suspend() noexcept { return {}; }
        template <typename U>
        void return_value(U&& result) {
            value.emplace(std::forward<U>(result));
        }
        void unhandled_exception() noexcept { error = std::current_exception(); }
    };

    Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
    Task(const Task&) = delete;
    Task& operator=(const Task&) = delete;
    ~Task() {
        if (handle_) handle_.destroy();
    }

    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<> caller) {
        handle_.resume();
        if (handle_.done()) return false;
        handle_.promise().caller = caller;
        return true;
    }
    T await_resume() {
        if (handle_.promise().error) std::rethrow_exception(handle_.promise().error);
        return std::move(*handle_.promise().value);
    }

private:
    explicit Task(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
    std::coroutine_handle<promise_type> handle_;
};

/// Runs by itself and frees itself at its end; what it needs is in its parameters.
struct Detached {
    struct promise_type {
        Detached get_return_object() noexcept { return {}; }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() noexcept {}
        void unhandled_exception() noexcept { std::terminate(); }
    };
};

}  // namespace edgesync::http
