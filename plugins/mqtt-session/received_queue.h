// What has arrived and is not yet given to the listener.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace edgesync::mqtt_session {

struct ReceivedMessage {
    std::string topic;
    std::shared_ptr<const std::string> payload;
};

/// Bounded. The library reads all connections of the process with one thread and one lock, so that thread must not wait for long: from half
/// of the bound on it waits a little for each message, which slows the broker down through the connection; above the bound messages are
/// thrown away, as QoS 0 allows. It does not wait while somebody waits to publish, because sending needs the same lock. Thread-safe.
class ReceivedQueue {
public:
    static constexpr std::chrono::milliseconds kSlowDown{20};

    ReceivedQueue(std::size_t octets, std::size_t messages) : octets_limit_(octets), messages_limit_(messages) {}

    /// False: thrown away.
    bool push(ReceivedMessage message);
    std::optional<ReceivedMessage> pop();
    bool is_empty() const;
    /// Empties it; `push` takes nothing, and does not wait, until `open`.
    void close();
    void open();

    /// While one lives, no queue of the process waits.
    class NoWaiting {
    public:
        NoWaiting() { ++count_; }
        ~NoWaiting() { --count_; }
        NoWaiting(const NoWaiting&) = delete;
        NoWaiting& operator=(const NoWaiting&) = delete;

    private:
        friend class ReceivedQueue;
        static inline std::atomic<int> count_{0};
    };

private:
    bool holds_more_than(std::size_t part) const { return octets_ > octets_limit_ / part || messages_.size() > messages_limit_ / part; }

    const std::size_t octets_limit_;
    const std::size_t messages_limit_;
    mutable std::mutex mutex_;
    std::condition_variable room_;
    std::deque<ReceivedMessage> messages_;
    std::size_t octets_ = 0;
    bool is_open_ = true;
};

}  // namespace edgesync::mqtt_session
