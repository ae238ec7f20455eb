// The calls into one plugin that are under way, so that one which never comes back can be named, and what it threw that it must not throw.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <type_traits>

#include "edgesync/sdk/error.h"

namespace edgesync::plugins {

/// Thread-safe; beginning and ending a call neither locks nor allocates, except for transactions.
class CallWatch {
public:
    using Clock = std::chrono::steady_clock;

    /// `label` as in "transport-http". `has_foreign_exception` is called with a line for the log, from the thread of the call.
    CallWatch(std::string label, std::function<void(const std::string&)> has_foreign_exception);

    const std::string& label() const noexcept { return label_; }

    /// One call, from its begin to the end of the scope. For one thread.
    class Running {
    public:
        /// `call` is a literal, as in "send".
        Running(CallWatch& watch, const char* call) noexcept;
        ~Running();
        Running(const Running&) = delete;
        Running& operator=(const Running&) = delete;
        /// A call that takes as long as there are octets is late only since the last ones.
        void progressed() noexcept;

    private:
        friend class CallWatch;
        static void set_innermost(const Running* running) noexcept;
        std::string text() const { return watch_.label() + ", in " + call_; }

        CallWatch& watch_;
        const char* call_;
        std::size_t slot_;
        const Running* outer_;
    };

    struct Named {
        const char* label;
        const char* call;
    };
    /// The call that this thread is in; nullopt: in none. Allocates nothing.
    static std::optional<Named> named_of_this_thread() noexcept;
    /// "transport-http, in send" of the call that this thread is in; nullopt: in none.
    static std::optional<std::string> of_this_thread();

    /// The calling thread is the one of the process that `of_followed_thread` is about.
    static void follow_this_thread() noexcept;
    /// As `of_this_thread`, of the followed one; from any thread.
    static std::optional<std::string> of_followed_thread();

    /// A transaction was handed over; returns its number.
    std::uint64_t submitted();
    /// It has ended. Only the first time counts.
    void ended(std::uint64_t transaction) noexcept;

    struct Late {
        const char* call = "";
        std::chrono::milliseconds lasts{0};
    };
    /// The call that lasts longest, if that is longer than `limit`.
    std::optional<Late> late(std::chrono::milliseconds limit) const;

    /// Counts it, has it logged, and makes the error that the kernel sees instead.
    Error foreign_exception(const char* call, const std::string& what);
    /// As `foreign_exception`, but leaves it to the caller to report the error.
    Error unlogged_exception(const char* call, const std::string& what);

    struct ForeignExceptions {
        std::uint64_t count = 0;
        std::string last;  ///< A sentence; empty: there was none.
    };
    ForeignExceptions foreign_exceptions() const;

private:
    /// More calls at once than this are not watched; they are as late as those which are.
    static constexpr std::size_t kSlots = 64;
    struct Slot {
        std::atomic<std::int64_t> since{0};  ///< 0: free.
        std::atomic<const char*> call{nullptr};
    };

    const std::string label_;
    const std::function<void(const std::string&)> has_foreign_exception_;
    std::array<Slot, kSlots> slots_;
    mutable std::mutex mutex_;
    std::uint64_t last_transaction_ = 0;
    std::map<std::uint64_t, std::int64_t> transactions_;  ///< Since when; the first is the oldest.
    ForeignExceptions foreign_;
};

/// Runs `f`, a call named `call` of the plugin: what it throws that is no Error becomes one, which `made` makes of its text. `f` may take
/// the Running.
template <typename F, typename Made>
auto translated(CallWatch& watch, const char* call, const F& f, const Made& made) {
    CallWatch::Running running(watch, call);
    try {
        if constexpr (std::is_invocable_v<const F&, CallWatch::Running&>) {
            return f(running);
        } else {
            return f();
        }
    } catch (const Error&) {
        throw;
    } catch (const std::exception& exception) {
        throw made(exception.what());
    } catch (...) {
        throw made("an object that is no exception");
    }
}

/// As `translated`, and what was thrown is counted and logged.
template <typename F>
auto watched(CallWatch& watch, const char* call, const F& f) {
    return translated(watch, call, f, [&](const char* what) { return watch.foreign_exception(call, what); });
}

/// As `watched`, where the caller reports the error: it would be in the log twice.
template <typename F>
auto watched_unlogged(CallWatch& watch, const char* call, const F& f) {
    return translated(watch, call, f, [&](const char* what) { return watch.unlogged_exception(call, what); });
}

/// As `watched_unlogged`, for what happens while the node starts and ends the start: each line of the error begins with the plugin's name.
void watched_at_start(CallWatch& watch, const char* call, const std::function<void()>& f);

/// As `watched`, for calls that must not fail: what they throw is counted and logged.
template <typename F>
void watched_without_failure(CallWatch& watch, const char* call, const F& f) noexcept {
    const CallWatch::Running running(watch, call);
    try {
        f();
    } catch (const std::exception& exception) {
        static_cast<void>(watch.foreign_exception(call, exception.what()));
    } catch (...) {
        static_cast<void>(watch.foreign_exception(call, "an object that is no exception"));
    }
}

/// Asks a plugin one question at a time: who comes meanwhile gets the answer before, so that one that does not answer keeps one thread.
template <typename Answer>
class LatestAnswer {
public:
    template <typename F>
    Answer ask(const F& f) {
        {
            const std::lock_guard lock(mutex_);
            if (is_asking_) return latest_;
            is_asking_ = true;
        }
        Answer answer = f();
        const std::lock_guard lock(mutex_);
        is_asking_ = false;
        latest_ = answer;
        return answer;
    }

private:
    std::mutex mutex_;
    bool is_asking_ = false;
    Answer latest_{};
};

}  // namespace edgesync::plugins
