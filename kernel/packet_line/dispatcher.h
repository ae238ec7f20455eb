// CSS: sends what records say must be sent to nodes that can be reached unasked. The records are the truth; the queues in memory only
// decide when. Each node has its own queue, worked off in order by one worker at a time, so that a node's messages keep their order and
// many nodes share few workers. Organizations may have brokers of their own, so each counts as a line of its own: one whose broker does
// not take what it is given holds one worker, backs off by itself, and all such lines together are tried by one worker.
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
    /// After it an answer is not waited for any more: the message was lost, or, if nothing was answered at all, the node is away. Its
    /// records are found again when it says something, and by the timer that repeats.
    static constexpr std::chrono::seconds kAnswerLimit{5};

    /// `is_one_of_several`: other instances of the CSS may get the nodes' answers; then the records tell who has answered.
    Dispatcher(const rules::NodeContext& context, rules::Operations& operations, rules::Scheduler& scheduler, Log& log,
               bool is_one_of_several = false, std::chrono::milliseconds answer_limit = kAnswerLimit);
    ~Dispatcher();

    /// Before the first `send`: nodes that are registered with `protocol` are reached through `transport`.
    void add(const std::string& protocol, Transport& transport) { transports_[protocol] = &transport; }

    /// Sends the message that the record stands for, if its node is reached by one of the transports.
    void send(const rules::ExchangeKey& key);
    /// Sends a message that has no record; lost if the line is down.
    void send_message(const NodeKey& peer, Message message);
    /// The node said something about the object, so it has what it was sent about it.
    void answered(const rules::ExchangeKey& key);
    /// A line is back, it is not known which: lines that wait because they failed are tried now. How long each of them waits when it fails
    /// again is not shortened by that.
    void line_restored();
    /// Ends; returns when no call to a transport is running.
    void stop();

private:
    using Clock = std::chrono::steady_clock;

    /// A record as it was when it was sent; the store gives every later state of it a higher sequence.
    struct Sent {
        Clock::time_point since;
        std::uint64_t sequence = 0;
    };
    struct Node {
        std::deque<ObjectKey> records;
        std::deque<Message> messages;
        std::map<ObjectKey, Sent> unanswered;
        bool must_scan = false;    ///< Some of its records are in the store only.
        bool must_rescan = false;  ///< Some came while the store was being looked through.
        std::string cursor;        ///< How far that is.
        bool must_check = false;   ///< Which of the unanswered are answered is in the store.
        bool is_ready = false;     ///< In its line's `ready`, or being worked off.
        bool has_failed = false;   ///< Its records could not be read; nothing is tried before some time is over.
        int failures = 0;          ///< In a row.
        std::uint64_t timer = 0;   ///< Waits for answers, or for another try.
        Clock::time_point last_answer{};

        bool has_records() const { return !records.empty() || must_scan; }
        bool is_idle() const { return !has_records() && messages.empty() && unanswered.empty() && !is_ready; }
    };
    /// What reaches the nodes of one organization.
    struct Line {
        std::deque<NodeKey> ready;  ///< Nodes with something to send.
        int workers = 0;
        int failures = 0;         ///< In a row; none: it works as far as is known.
        bool is_waiting = false;  ///< For the end of the pause after a failure.
        bool is_queued = false;   ///< In `turn_` or `suspects_`.
        std::uint64_t timer = 0;  ///< Ends that pause.

        bool is_idle() const { return ready.empty() && workers == 0 && failures == 0; }
    };
    /// What one turn of a worker sends.
    struct Turn {
        bool is_of_suspect = false;
        std::vector<ObjectKey> records;
        std::vector<Message> messages;
        bool scans = false;
        std::string cursor;
        std::size_t most = 0;                      ///< Records.
        std::map<ObjectKey, std::uint64_t> known;  ///< Sent already, in this state.
        std::vector<ObjectKey> checks;             ///< Sent, and perhaps answered to another instance.
    };
    struct Outgoing {
        Message message;
        std::uint64_t sequence = 0;
    };
    /// What a turn found in the store.
    struct Found {
        Transport* transport = nullptr;  ///< Null: the node is gone, or fetches its messages.
        std::vector<Outgoing> records;
        std::vector<ObjectKey> later;     ///< Of the same page as the last of them: for the next turns.
        std::vector<ObjectKey> answered;  ///< Of the checks.
        std::string cursor;               ///< Where the look at the store goes on.
        bool is_at_end = true;
    };

    /// Nothing: there was nothing to send, so that nothing is known of the line.
    enum class TurnEnd { Sent, Nothing, NotRead, NotSent };

    void enqueue(const NodeKey& peer, Node& node);
    void offer(const std::string& org, Line& line);
    void let_wait(const std::string& org, Line& line);
    void end_wait(const std::string& org, Line& line);
    void erase_line_if_idle(const std::string& org);
    bool has_work() const { return !turn_.empty() || (!suspects_.empty() && !is_trying_suspect_); }
    void start_worker();
    void work();
    bool take(NodeKey& peer, Turn& turn);
    bool take_node(NodeKey& peer, Turn& turn);
    TurnEnd run_turn(const NodeKey& peer, Turn& turn);
    bool send_found(const NodeKey& peer, const Turn& turn, const Found& found);
    void note_failure(const NodeKey& peer, const std::string& problem, bool is_of_line);
    Found read(const NodeKey& peer, const Turn& turn);
    void scan(ReadTransaction& txn, const NodeKey& peer, const Turn& turn, Found& found);
    void note_scanned(const NodeKey& peer, const Turn& turn, const Found& found);
    void send_one(Transport& transport, const NodeKey& peer, const Message& message);
    void finish_turn(const NodeKey& peer, const Turn& turn, TurnEnd end);
    std::size_t room(const Node& node) const;
    void look_again_later(const NodeKey& peer, Node& node);
    void expire(const NodeKey& peer, Node& node);
    void drop_queue(Node& node);
    void erase_if_idle(const NodeKey& peer);

    /// Brokers drop what a slow subscriber does not take; so no node is sent more than this before it answers.
    static constexpr std::size_t kMaxUnanswered = 128;
    /// What all nodes answer comes to us through one queue of the broker, which drops what does not fit (mosquitto: 1,000 messages), and
    /// each node answers an Update with two messages. So nodes share this number, but each may have some, or silent ones would stop the
    /// others.
    static constexpr std::size_t kMaxUnansweredInAll = 512;
    static constexpr std::size_t kFewestUnanswered = 2;
    /// How often the store is asked for answers that other instances got.
    static constexpr std::chrono::milliseconds kCheckPause{250};
    static constexpr std::size_t kMaxGivenUp = 65536;
    static constexpr std::size_t kMaxQueuedPerNode = 256;
    static constexpr std::size_t kMaxQueued = 65536;
    static constexpr int kMaxWorkers = 4;

    const rules::NodeContext& context_;
    rules::Operations& operations_;
    rules::Scheduler& scheduler_;
    Log& log_;
    const bool is_one_of_several_;
    const std::chrono::milliseconds answer_limit_;
    /// A CSS of one organization has one line.
    const int most_workers_per_line_;
    std::map<std::string, Transport*> transports_;

    std::mutex mutex_;
    std::condition_variable idle_;
    std::map<NodeKey, Node> nodes_;      ///< Nodes with something to send, or to answer.
    std::set<NodeKey> given_up_;         ///< Taken to be away, with records left; what such a node says shows that it is slow.
    std::map<std::string, Line> lines_;  ///< By organization: with ready nodes, or after a failure.
    std::deque<std::string> turn_;       ///< Lines that may be given another worker.
    std::deque<std::string> suspects_;   ///< The same of those that failed last; one worker at a time tries one of them.
    bool is_trying_suspect_ = false;
    bool has_store_failed_ = false;
    std::size_t queued_ = 0;
    std::size_t unanswered_ = 0;  ///< Of all nodes.
    int workers_ = 0;
    bool is_stopped_ = false;
    std::uint64_t busy_timer_ = 0;
};

}  // namespace edgesync::packet_line
