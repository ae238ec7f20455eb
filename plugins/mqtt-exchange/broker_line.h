// The exchange of messages over one session with a broker: topics and packets on one side, the kernel on the other.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "edgesync/sdk/codec.h"
#include "edgesync/sdk/transport.h"
#include "in_progress.h"
#include "session.h"
#include "topics.h"
#include "work_queue.h"

namespace edgesync::mqtt_exchange {

/// What a line does with messages whose handling takes time; by MQTTParallelMode.
struct Parallelism {
    std::size_t commands = 64;     ///< Handed to the kernel and not yet answered.
    std::size_t data_threads = 4;  ///< Each handles one data message.
    std::size_t data_queue = 8;    ///< Data messages that wait for one of them.
    static Parallelism of(const std::string& mode);
};

/// What was thrown away, and why; of one line.
struct Dropped {
    std::atomic<std::uint64_t> malformed{0};
    std::atomic<std::uint64_t> unknown{0};  ///< Commands, and topics.
    std::atomic<std::uint64_t> foreign{0};  ///< Of another identity than the topic proves.
    std::atomic<std::uint64_t> answers{0};  ///< Could not be sent.
    std::atomic<std::uint64_t> untaken{0};  ///< The system has no thread for them.
};

struct LineOptions {
    mqtt_session::SessionOptions session;
    mqtt_session::TopicRules rules;
    std::string org;              ///< That the connection stands for; empty: topics or messages name it.
    std::string messaging_group;  ///< CSS inside of the Watson IoT Platform: that the broker serves.
    std::string communication;
    Parallelism parallelism;
};

/// Thread-safe. Held by shared_ptr: what the kernel is busy with keeps it alive.
class BrokerLine : public mqtt_session::SessionListener, public std::enable_shared_from_this<BrokerLine> {
public:
    /// `is_one_of_several`: other instances of the CSS are on the same broker. @throws Error{InvalidRequest}
    BrokerLine(LineOptions options, TransportHost& host, bool is_one_of_several);
    ~BrokerLine() override;

    void start();
    mqtt_session::FirstAttempt wait_first_attempt(std::chrono::milliseconds timeout) const { return session_.wait_first_attempt(timeout); }
    /// CSS: this instance leads now, or does no longer. Also before `start`.
    void set_leading(bool leads);
    /// Takes no more messages.
    void drain();
    /// Ends the session; afterwards the host is not called.
    void stop() noexcept;

    /// @throws Error{NotConnected, Timeout, InvalidRequest}
    void send(const NodeKey& peer, const Message& message);
    void push(const NodeKey& peer, const DataRequest& request, BlobReader& source);
    /// Octets of data that one message takes; 0: not known.
    std::int64_t largest_payload() const;
    mqtt_session::SessionHealth health() const { return session_.health(); }
    const LineOptions& options() const { return options_; }
    const Dropped& dropped() const { return dropped_; }

private:
    void on_connected() override;
    void on_message(const std::string& topic, std::shared_ptr<const std::string> payload) override;
    void on_lost(const std::string& reason) override;
    void on_refused(const std::vector<std::string>& filters) override;

    /// What is to be subscribed now.
    void subscribe();
    /// Whether the peer's organization, which the message claims, may speak on this messaging group. False: the message has been dropped.
    bool is_admitted(const NodeKey& peer, Command command);
    void take_command(NodeKey peer, std::string_view payload);
    void take_data(const NodeKey& topic_peer, std::shared_ptr<const std::string> payload);
    void receive(const NodeKey& peer, const codec::DataMessage& data);
    /// `done` is called when they are handed over: who asks for more than can be answered has to wait, instead of losing answers.
    void answer(
        const NodeKey& peer, std::vector<Message> replies, const std::function<void()>& done = [] {});
    std::string topic_to(const NodeKey& peer, bool for_leader) const;
    void note_dropped(std::atomic<std::uint64_t>& counter, const std::string& why);

    const LineOptions options_;
    TransportHost& host_;
    const bool is_css_;
    const bool is_one_of_several_;
    const NodeKey self_;
    Dropped dropped_;
    std::mutex filters_mutex_;  ///< Whoever looks last at the two below also subscribes last.
    std::atomic<bool> has_shares_{true};
    std::atomic<bool> leads_{false};
    std::atomic<bool> is_draining_{false};
    std::atomic<std::int64_t> next_note_{0};  ///< Seconds of the steady clock: one line about dropped messages in ten.
    std::shared_ptr<InProgress> commands_;
    WorkQueue data_;
    WorkQueue answers_;
    mqtt_session::Session session_;
};

}  // namespace edgesync::mqtt_exchange
