// A connection's life: subscribing, delivering, and its end.
#include <algorithm>

#include "edgesync/sdk/error.h"
#include "session_impl.h"

namespace edgesync::mqtt_session {
namespace {

/// A connection that lasted so long was a good one: the next pause is short again.
constexpr std::chrono::seconds kLasting{10};
constexpr int kRefused = 0x80;
constexpr char kShared[] = "$share/";

std::string joined(const std::vector<std::string>& filters) {
    std::string out;
    for (const auto& filter : filters) out += (out.empty() ? "" : ", ") + filter;
    return out;
}

std::vector<std::string> difference(const std::set<std::string>& a, const std::set<std::string>& b) {
    std::vector<std::string> out;
    std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(out));
    return out;
}

}  // namespace

template <typename F>
void Session::Impl::call_listener(const char* name, F&& call) {
    try {
        call();
    } catch (const std::exception& error) {
        log_.log(LogLevel::Error, options_.name + ": " + name + " failed: " + error.what());
    }
}

void Session::Impl::serve() {
    bool was_ready = false;
    const End end = live(was_ready);
    if (is_stopping()) return;
    finish(end, was_ready);
}

/// Returns when the connection is lost or must be given up.
Session::Impl::End Session::Impl::live(bool& was_ready) {
    Lock lock(mutex_);
    for (;;) {
        // What happens while the lock is not held below must not be slept through.
        is_woken_ = false;
        if (is_stopping_) return {};
        if (reconnect_) return {false, *reconnect_};
        if (auto end = take_answer(lock)) return *end;
        if (auto end = send_filters(lock)) return *end;
        // The listener may have replaced what was refused.
        if (pending_.empty() && !news_.lost && !difference(wanted_, granted_).empty()) continue;
        if (!was_ready && pending_.empty() && !news_.lost) {
            was_ready = true;
            become_ready(lock);
            continue;
        }
        // What had arrived before the connection was lost still counts.
        if (was_ready && deliver(lock)) continue;
        if (news_.lost) return {true, *news_.lost};
        if (pending_.empty()) {
            wake_.wait(lock, [this] { return is_woken_; });
        } else if (!wake_.wait_until(lock, answer_deadline_, [this] { return is_woken_; })) {
            return {false, "it does not answer a subscription"};
        }
    }
}

std::optional<Session::Impl::End> Session::Impl::take_answer(Lock& lock) {
    if (news_.subscribe_problem && !news_.lost) {
        ++counts_.subscribe_failures;
        subscribe_error_ = Clock::now();
        return End{false, "the subscription failed: " + *news_.subscribe_problem};
    }
    if (!news_.subscribe_codes) return {};
    const auto codes = std::move(*news_.subscribe_codes);
    news_.subscribe_codes.reset();
    Filters refused;
    for (std::size_t i = 0; i < pending_.size(); ++i) {
        if (i < codes.size() && codes[i] < kRefused) {
            granted_.insert(pending_[i]);
        } else {
            refused.push_back(pending_[i]);
        }
    }
    pending_.clear();
    return refused.empty() ? std::nullopt : refuse(lock, refused, "the broker refuses the subscription of ");
}

/// Brings the broker's filters in line with what is wanted, if no answer is outstanding.
std::optional<Session::Impl::End> Session::Impl::send_filters(Lock& lock) {
    if (!pending_.empty() || news_.lost) return {};
    const Filters gone = difference(granted_, wanted_);
    Filters added = difference(wanted_, granted_);
    if (!has_shared_) {
        Filters shared;
        std::copy_if(added.begin(), added.end(), std::back_inserter(shared),
                     [](const auto& filter) { return filter.starts_with(kShared); });
        if (!shared.empty()) return refuse(lock, shared, "the broker has no shared subscriptions, so not ");
    }
    if (gone.empty() && added.empty()) return {};
    for (const auto& filter : gone) granted_.erase(filter);
    pending_ = added;
    answer_deadline_ = Clock::now() + options_.connect_attempt;
    Connection& connection = *connection_;
    lock.unlock();
    std::optional<End> end;
    try {
        if (!gone.empty()) connection.unsubscribe(gone);
        if (!added.empty()) connection.subscribe(added);
    } catch (const Error& error) {
        end = End{true, error.what()};
    }
    lock.lock();
    return end;
}

/// Tells the listener, which may want others instead; an end if it does not.
std::optional<Session::Impl::End> Session::Impl::refuse(Lock& lock, const Filters& filters, const std::string& reason) {
    ++counts_.subscribe_failures;
    subscribe_error_ = Clock::now();
    if (std::any_of(filters.begin(), filters.end(), [](const auto& filter) { return filter.starts_with(kShared); })) has_shared_ = false;
    lock.unlock();
    call_listener("on_refused", [&] { listener_.on_refused(filters); });
    lock.lock();
    Filters still;
    std::copy_if(filters.begin(), filters.end(), std::back_inserter(still),
                 [this](const auto& filter) { return wanted_.contains(filter); });
    if (still.empty()) return {};
    return End{false, reason + joined(still)};
}

void Session::Impl::become_ready(Lock& lock) {
    is_ready_ = true;
    ready_since_ = Clock::now();
    counts_.last_disconnect = std::chrono::duration_cast<std::chrono::milliseconds>(ready_since_ - outage_begin_);
    const std::string version = to_string(version_);
    lock.unlock();
    is_outage_told_ = false;
    log_.log(LogLevel::Info, options_.name + ": connected with MQTT " + version);
    if (trust_ != nullptr && trust_->accepts_anybody())
        log_.log(LogLevel::Error, options_.name + ": its certificate was not checked, because MQTTAllowInvalidCertificates is true");
    call_listener("on_connected", [this] { listener_.on_connected(); });
    lock.lock();
}

bool Session::Impl::deliver(Lock& lock) {
    auto message = received_.pop();
    if (!message) return false;
    lock.unlock();
    // Then the broker may be waiting with the next one. If it is not, acknowledgements with later data cost less.
    if (received_.is_empty()) socket_.acknowledge();
    call_listener("on_message", [&] { listener_.on_message(message->topic, std::move(message->payload)); });
    message.reset();
    lock.lock();
    return true;
}

void Session::Impl::finish(const End& end, bool was_ready) {
    bool is_limit_lower = false;
    std::size_t limit = 0;
    {
        const std::lock_guard lock(mutex_);
        const auto now = Clock::now();
        is_ready_ = false;
        is_limit_lower = end.by_peer && limit_.lost(now);
        limit = limit_.limit(now);
        if (was_ready) outage_begin_ = now;
        if (was_ready && now - ready_since_ >= kLasting) back_off_.reset();
        counts_.last_error = end.reason;
    }
    drop_connection();
    if (!is_outage_told_) log_.log(LogLevel::Warning, options_.name + ": connection lost: " + end.reason + "; it is made again");
    is_outage_told_ = true;
    if (is_limit_lower) {
        log_.log(LogLevel::Warning, options_.name + ": the connection ended with a large message, so from now on packets of at most " +
                                        std::to_string(limit) + " octets are sent");
    }
    if (was_ready) call_listener("on_lost", [&] { listener_.on_lost(end.reason); });
}

void Session::Impl::connection_lost(const std::string& reason) {
    const std::lock_guard lock(mutex_);
    news_.lost = reason;
    is_ready_ = false;
    wake();
    room_.notify_all();
}

void Session::Impl::message_arrived(const std::string& topic, std::shared_ptr<const std::string> payload) {
    const bool is_taken = received_.push({topic, std::move(payload)});
    const std::lock_guard lock(mutex_);
    if (!is_taken && !is_stopping_) ++counts_.lost_messages;
    wake();
}

void Session::Impl::subscribe_answered(const std::vector<int>& codes) {
    const std::lock_guard lock(mutex_);
    news_.subscribe_codes = codes;
    wake();
}

void Session::Impl::subscribe_failed(const std::string& reason) {
    const std::lock_guard lock(mutex_);
    news_.subscribe_problem = reason;
    wake();
}

}  // namespace edgesync::mqtt_session
