// A listener that remembers what a session told it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "edgesync/sdk/log.h"
#include "plugins/mqtt-session/session.h"
#include "tests/system/sandbox.h"

namespace edgesync::mqtt_session {

using system_test::eventually;

class RecordingListener : public SessionListener {
public:
    using Message = std::pair<std::string, std::string>;

    void on_connected() override {
        {
            const std::lock_guard lock(mutex_);
            ++connects_;
        }
        if (when_connected) when_connected();
    }
    void on_message(const std::string& topic, std::shared_ptr<const std::string> payload) override {
        if (when_message) when_message(topic, *payload);
        const std::lock_guard lock(mutex_);
        messages_.emplace_back(topic, *payload);
        has_more_.notify_all();
    }
    void on_lost(const std::string& reason) override {
        const std::lock_guard lock(mutex_);
        losses_.push_back(reason);
    }
    void on_refused(const std::vector<std::string>& filters) override {
        {
            const std::lock_guard lock(mutex_);
            refusals_.push_back(filters);
        }
        if (when_refused) when_refused(filters);
    }

    int connects() const { return locked(connects_); }
    std::vector<Message> messages() const { return locked(messages_); }
    std::vector<std::string> losses() const { return locked(losses_); }
    std::vector<std::vector<std::string>> refusals() const { return locked(refusals_); }
    std::size_t count() const {
        const std::lock_guard lock(mutex_);
        return messages_.size();
    }

    bool waits_for_connects(int wanted) const {
        return eventually([&] { return connects() >= wanted; });
    }
    bool waits_for(std::size_t wanted) const {
        std::unique_lock lock(mutex_);
        return has_more_.wait_for(lock, system_test::kPatience, [&] { return messages_.size() >= wanted; });
    }

    std::function<void()> when_connected;
    std::function<void(const std::string& topic, const std::string& payload)> when_message;
    std::function<void(const std::vector<std::string>&)> when_refused;

private:
    template <typename T>
    T locked(const T& value) const {
        const std::lock_guard lock(mutex_);
        return value;
    }

    mutable std::mutex mutex_;
    mutable std::condition_variable has_more_;
    int connects_ = 0;
    std::vector<Message> messages_;
    std::vector<std::string> losses_;
    std::vector<std::vector<std::string>> refusals_;
};

/// Keeps the lines of the log.
class Lines : public Log {
public:
    bool logs(LogLevel) const noexcept override { return true; }
    bool traces(LogLevel) const noexcept override { return false; }
    void log(LogLevel, std::string_view text) noexcept override {
        const std::lock_guard lock(mutex_);
        lines_.emplace_back(text);
    }
    void trace(LogLevel, std::string_view) noexcept override {}
    std::size_t count_of(const std::string& part) const {
        const std::lock_guard lock(mutex_);
        std::size_t count = 0;
        for (const auto& line : lines_) count += line.find(part) != std::string::npos ? 1 : 0;
        return count;
    }

private:
    mutable std::mutex mutex_;
    std::vector<std::string> lines_;
};

/// Impatient, so that a test is quick.
inline SessionOptions quick_options(const std::string& uri, const std::string& client_id = "") {
    static std::atomic<int> number{0};
    SessionOptions out;
    out.name = "test broker";
    out.uris = {uri};
    out.client_id = client_id.empty() ? "client-" + std::to_string(++number) : client_id;
    out.first_pause = std::chrono::milliseconds(50);
    out.max_backoff = std::chrono::milliseconds(200);
    return out;
}

/// A session with all that it needs.
struct TestSession {
    explicit TestSession(SessionOptions options, std::vector<std::string> filters = {}) : session(std::move(options), listener, log) {
        session.set_filters(std::move(filters));
    }
    void connect() {
        session.start();
        if (!listener.waits_for_connects(1)) throw std::runtime_error("not connected: " + session.health().last_error);
    }
    /// Of the first attempt.
    FirstAttempt attempt() {
        session.start();
        return session.wait_first_attempt(std::chrono::seconds(30));
    }

    Lines log;
    RecordingListener listener;
    Session session;  ///< Stopped before the listener is gone.
};

}  // namespace edgesync::mqtt_session
