// CSS: sends what records say must be sent to nodes that can be reached unasked. The records are the truth; the queues in memory only
// decide when. Each node has its own queue, worked off in order by one worker at a time, so that a node's messages keep their order and
// many nodes share few workers.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "edgesync/sdk/transport.h"
#include "kernel/rules/node_context.h"
#include "kernel/rules/operation.h"
#include "kernel/rules/scheduler.h"

namespace edgesync::packet_line {

/// Thread-safe. Runs on the scheduler's workers.
class Dispatcher {
public:
    /// `is_one_of_several`: other instances of the CSS may get the nodes' answers; then the records tell who has answered.
    Dispatcher(const rules::NodeContext& context, rules::Operations& operations, rules::Scheduler& scheduler, Log& log,
               bool is_one_of_several = false);
    ~Dispatcher();

    /// Before the first `send`: nodes that are registered with `protocol` are reached through `transport`.
    void add(const std::string& protocol, Transport& transport) { transports_[protocol] = &transport; }

    /// Sends the message that the record stands for, if its node is reached by one of the transports.
    void send(const rules::ExchangeKey& key);
    /// Sends a message that has no record; lost if the line is down.
    void send_message(const NodeKey& peer, Message message);
    /// The node said something about the object, so it has what it was sent about it.
    void answered(const rules::ExchangeKey& key);
    /// A line is back: what could not be sent is looked for in the store.
    void line_restored();
    /// Ends; returns when no call to a transport is running.
    void stop();

private:
    using Clock = std::chrono::steady_clock;

    struct Node {
        std::deque<ObjectKey> records;
        std::deque<Message> messages;
        std::map<ObjectKey, Clock::time_point> unanswered;  ///< Sent, and since when.
        bool must_scan = false;                             ///< Some of its records are in the store only.
        bool must_rescan = false;                           ///< Some came while the store was being looked through.
        std::string cursor;                                 ///< How far that is.
        bool must_check = false;                            ///< Which of the unanswered are answered is in the store.
        bool is_ready = false;                              ///< In `ready_`, or being worked off.
        bool has_failed = false;                            ///< Nothing is tried before the line is back, or some time is over.
        int failures = 0;                                   ///< In a row.
        std::uint64_t timer = 0;                            ///< Waits for answers, or for another try.
        Clock::time_point last_answer{};

        bool has_records() const { return !records.empty() || must_scan; }
        bool is_idle() const { return !has_records() && messages.empty() && unanswered.empty() && !is_ready; }
    };
    /// What one turn of a worker sends.
    struct Turn {
        std::vector<ObjectKey> records;
        std::vector<Message> messages;
        bool scans = false;
        std::string cursor;
        std::size_t most = 0;           ///< Records.
        std::set<ObjectKey> known;      ///< Sent already.
        std::vector<ObjectKey> checks;  ///< Sent, and perhaps answered to another instance.
    };
    /// What a turn found in the store.
    struct Found {
        Transport* transport = nullptr;  ///< Null: the node is gone, or fetches its messages.
        std::vector<Message> records;
        std::vector<ObjectKey> answered;  ///< Of the checks.
        std::string cursor;               ///< Of the page that the look at the store ended in.
        bool is_at_end = true;
    };

    void enqueue(const NodeKey& peer, Node& node);
    void start_worker();
    void work();
    bool take(NodeKey& peer, Turn& turn);
    void run_turn(const NodeKey& peer, Turn& turn);
    Found read(const NodeKey& peer, const Turn& turn);
    void scan(ReadTransaction& txn, const NodeKey& peer, const Turn& turn, Found& found);
    void note_scanned(const NodeKey& peer, const Found& found);
    void send_one(Transport& transport, const NodeKey& peer, const Message& message);
    void finish_turn(const NodeKey& peer, bool succeeded);
    std::size_t room(const Node& node) const;
    void look_again_later(const NodeKey& peer, Node& node);
    void expire(Node& node);
    void drop_queue(Node& node);
    void erase_if_idle(const NodeKey& peer);

    /// Brokers drop what a slow subscriber does not take; so no node is sent more than this before it answers.
    static constexpr std::size_t kMaxUnanswered = 128;
    /// What all nodes answer comes to us through one queue of the broker, which drops what does not fit (mosquitto: 1,000 messages), and
    /// each node answers an Update with two messages. So nodes share this number, but each may have some, or silent ones would stop the
    /// others.
    static constexpr std::size_t kMaxUnansweredInAll = 512;
    static constexpr std::size_t kFewestUnanswered = 2;
    /// After it an answer is not waited for any more: the message was lost, or, if nothing was answered at all, the node is away. Its
    /// records are found again when it registers, and by the timer that repeats.
    static constexpr std::chrono::seconds kAnswerLimit{5};
    /// How often the store is asked for answers that other instances got.
    static constexpr std::chrono::milliseconds kCheckPause{250};
    static constexpr std::size_t kMaxQueuedPerNode = 256;
    static constexpr std::size_t kMaxQueued = 65536;
    static constexpr int kMaxWorkers = 4;

    const rules::NodeContext& context_;
    rules::Operations& operations_;
    rules::Scheduler& scheduler_;
    Log& log_;
    const bool is_one_of_several_;
    std::map<std::string, Transport*> transports_;

    std::mutex mutex_;
    std::condition_variable idle_;
    std::map<NodeKey, Node> nodes_;  ///< Nodes with something to send, or to answer.
    std::deque<NodeKey> ready_;
    std::size_t queued_ = 0;
    std::size_t unanswered_ = 0;  ///< Of all nodes.
    int workers_ = 0;
    bool is_line_down_ = false;
    bool is_stopped_ = false;
    std::uint64_t busy_timer_ = 0;
};

}  // namespace edgesync::packet_line
