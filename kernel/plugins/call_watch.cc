#include "kernel/plugins/call_watch.h"

#include <sstream>
#include <thread>

namespace edgesync::plugins {
namespace {

constexpr std::size_t kNoSlot = static_cast<std::size_t>(-1);
constexpr std::size_t kAttempts = 8;

thread_local const CallWatch::Running* innermost = nullptr;
thread_local bool is_followed = false;

/// What the followed thread is in. Never destroyed: threads may be in calls when the process ends.
struct Followed {
    std::mutex mutex;
    const CallWatch::Running* innermost = nullptr;
};
Followed& followed() {
    static auto* const only = new Followed;
    return *only;
}

std::int64_t nanoseconds_now() { return CallWatch::Clock::now().time_since_epoch().count(); }
static_assert(std::is_same_v<CallWatch::Clock::duration, std::chrono::nanoseconds>);

}  // namespace

CallWatch::CallWatch(std::string label, std::function<void(const std::string&)> has_foreign_exception)
    : label_(std::move(label)), has_foreign_exception_(std::move(has_foreign_exception)) {}

CallWatch::Running::Running(CallWatch& watch, const char* call) noexcept : watch_(watch), call_(call), slot_(kNoSlot), outer_(innermost) {
    set_innermost(this);
    const std::int64_t now = nanoseconds_now();
    const std::size_t first = std::hash<std::thread::id>{}(std::this_thread::get_id());
    for (std::size_t i = 0; i < kAttempts; ++i) {
        Slot& slot = watch_.slots_[(first + i) % kSlots];
        std::int64_t free = 0;
        if (!slot.since.compare_exchange_strong(free, now)) continue;
        slot.call = call;
        slot_ = (first + i) % kSlots;
        return;
    }
}

CallWatch::Running::~Running() {
    set_innermost(outer_);
    if (slot_ == kNoSlot) return;
    watch_.slots_[slot_].call = nullptr;
    watch_.slots_[slot_].since = 0;
}

void CallWatch::Running::progressed() noexcept {
    if (slot_ != kNoSlot) watch_.slots_[slot_].since = nanoseconds_now();
}

std::optional<CallWatch::Named> CallWatch::named_of_this_thread() noexcept {
    if (innermost == nullptr) return std::nullopt;
    return Named{innermost->watch_.label_.c_str(), innermost->call_};
}

std::optional<std::string> CallWatch::of_this_thread() {
    if (innermost == nullptr) return std::nullopt;
    return innermost->text();
}

void CallWatch::follow_this_thread() noexcept { is_followed = true; }

std::optional<std::string> CallWatch::of_followed_thread() {
    const std::lock_guard lock(followed().mutex);
    if (followed().innermost == nullptr) return std::nullopt;
    return followed().innermost->text();
}

void CallWatch::Running::set_innermost(const Running* running) noexcept {
    innermost = running;
    if (!is_followed) return;
    const std::lock_guard lock(followed().mutex);
    followed().innermost = running;
}

std::uint64_t CallWatch::submitted() {
    const std::lock_guard lock(mutex_);
    transactions_.emplace_hint(transactions_.end(), ++last_transaction_, nanoseconds_now());
    return last_transaction_;
}

void CallWatch::ended(std::uint64_t transaction) noexcept {
    const std::lock_guard lock(mutex_);
    transactions_.erase(transaction);
}

std::optional<CallWatch::Late> CallWatch::late(std::chrono::milliseconds limit) const {
    const std::int64_t now = nanoseconds_now();
    std::int64_t longest = std::chrono::nanoseconds(limit).count();
    std::optional<Late> found;
    const auto consider = [&](const char* call, std::int64_t since) {
        if (call == nullptr || since == 0 || now - since <= longest) return;
        longest = now - since;
        found = Late{call, std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::nanoseconds(longest))};
    };
    for (const Slot& slot : slots_) {
        const std::int64_t since = slot.since;
        consider(slot.call, since);
    }
    const std::lock_guard lock(mutex_);
    if (!transactions_.empty()) consider("a transaction", transactions_.begin()->second);
    return found;
}

Error CallWatch::foreign_exception(const char* call, const std::string& what) {
    Error error = unlogged_exception(call, what);
    if (has_foreign_exception_) has_foreign_exception_(error.what());
    return error;
}

Error CallWatch::unlogged_exception(const char* call, const std::string& what) {
    std::string text = label_ + " failed in " + call + ": " + what;
    const std::lock_guard lock(mutex_);
    ++foreign_.count;
    foreign_.last = text;
    return {ErrorKind::Internal, text};
}

CallWatch::ForeignExceptions CallWatch::foreign_exceptions() const {
    const std::lock_guard lock(mutex_);
    return foreign_;
}

void watched_at_start(CallWatch& watch, const char* call, const std::function<void()>& f) {
    try {
        watched_unlogged(watch, call, f);
    } catch (const Error& error) {
        const std::string prefix = watch.label() + ": ";
        std::istringstream lines(error.what());
        std::string text;
        for (std::string line; std::getline(lines, line);) {
            if (!text.empty()) text += "\n";
            text += line.starts_with(watch.label()) ? line : prefix + line;
        }
        throw Error(error.kind(), text);
    }
}

}  // namespace edgesync::plugins
