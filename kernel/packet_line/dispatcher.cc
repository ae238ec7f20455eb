#include "kernel/packet_line/dispatcher.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "edgesync/sdk/error.h"
#include "kernel/delivery/inbound.h"
#include "kernel/delivery/notification_state.h"

namespace edgesync::packet_line {
namespace {

constexpr std::chrono::milliseconds kPauseWhenBusy{50};
/// After it the other nodes have their turn.
constexpr std::size_t kMostPerTurn = 64;
constexpr std::size_t kScanPage = 256;
constexpr std::chrono::seconds kLongestPause{60};
constexpr std::chrono::seconds kFirstPause{5};

std::chrono::milliseconds pause_after(int failures) {
    return std::min<std::chrono::milliseconds>(kFirstPause * (1 << std::clamp(failures - 1, 0, 4)), kLongestPause);
}

/// The line, not the message.
bool is_about_line(ErrorKind kind) { return kind == ErrorKind::NotConnected || kind == ErrorKind::Timeout || kind == ErrorKind::Busy; }

}  // namespace

Dispatcher::Dispatcher(const rules::NodeContext& context, rules::Operations& operations, rules::Scheduler& scheduler, Log& log,
                       bool is_one_of_several, std::chrono::milliseconds answer_limit)
    : context_(context), operations_(operations), scheduler_(scheduler), log_(log), is_one_of_several_(is_one_of_several),
      answer_limit_(answer_limit), most_workers_per_line_(context.self.org.empty() ? 1 : kMaxWorkers) {}

Dispatcher::~Dispatcher() { stop(); }

void Dispatcher::send(const rules::ExchangeKey& key) {
    const std::lock_guard lock(mutex_);
    if (is_stopped_ || transports_.empty()) return;
    Node& node = nodes_[key.peer];
    const auto line = lines_.find(key.peer.org);
    const bool is_line_waiting = line != lines_.end() && line->second.is_waiting;
    if (node.must_scan) {
        node.must_rescan = true;
    } else if (!is_line_waiting && node.records.size() < kMaxQueuedPerNode && queued_ < kMaxQueued) {
        node.records.push_back(key.object);
        ++queued_;
    } else {
        node.must_scan = true;
        node.cursor.clear();
    }
    enqueue(key.peer, node);
}

void Dispatcher::send_message(const NodeKey& peer, Message message) {
    const std::lock_guard lock(mutex_);
    if (is_stopped_ || transports_.empty() || queued_ >= kMaxQueued) return;
    Node& node = nodes_[peer];
    if (node.messages.size() >= kMaxQueuedPerNode) return;  // Whoever asked for it asks again.
    node.messages.push_back(std::move(message));
    ++queued_;
    enqueue(peer, node);
}

/// With the lock held.
std::size_t Dispatcher::room(const Node& node) const {
    std::size_t share = kFewestUnanswered;
    if (unanswered_ < kMaxUnansweredInAll) {
        share = std::clamp(kMaxUnansweredInAll / std::max<std::size_t>(nodes_.size(), 1), kFewestUnanswered, kMaxUnanswered);
    }
    return share - std::min(node.unanswered.size(), share);
}

/// With the lock held: lets a worker look at the node, unless one does already or there is nothing that it could send.
void Dispatcher::enqueue(const NodeKey& peer, Node& node) {
    const bool may_send_records = node.has_records() && room(node) > 0;
    if (node.is_ready || node.has_failed || (node.messages.empty() && !may_send_records && !node.must_check)) return;
    node.is_ready = true;
    Line& line = lines_[peer.org];
    line.ready.push_back(peer);
    offer(peer.org, line);
}

/// With the lock held: lets a worker take the line's next node, unless it has as many as it may have, or waits.
void Dispatcher::offer(const std::string& org, Line& line) {
    if (line.is_queued || line.is_waiting || line.ready.empty()) return;
    if (line.workers >= (line.failures > 0 ? 1 : most_workers_per_line_)) return;
    line.is_queued = true;
    (line.failures > 0 ? suspects_ : turn_).push_back(org);
    start_worker();
}

/// With the lock held, after a failure.
void Dispatcher::let_wait(const std::string& org, Line& line) {
    if (line.is_waiting || is_stopped_) return;  // Another worker has met the same.
    ++line.failures;
    line.is_waiting = true;
    if (std::exchange(line.is_queued, false)) {
        std::erase(turn_, org);
        std::erase(suspects_, org);
    }
    line.timer = scheduler_.after(pause_after(line.failures), [this, org] {
        const std::lock_guard lock(mutex_);
        const auto found = lines_.find(org);
        if (found == lines_.end() || is_stopped_) return;
        found->second.timer = 0;
        end_wait(org, found->second);
    });
}

/// With the lock held.
void Dispatcher::end_wait(const std::string& org, Line& line) {
    line.is_waiting = false;
    scheduler_.cancel(std::exchange(line.timer, 0));
    offer(org, line);
}

/// With the lock held.
void Dispatcher::erase_line_if_idle(const std::string& org) {
    const auto found = lines_.find(org);
    if (found != lines_.end() && found->second.is_idle()) lines_.erase(found);
}

/// With the lock held.
void Dispatcher::look_again_later(const NodeKey& peer, Node& node) {
    if (node.timer != 0 || is_stopped_) return;
    const bool checks = is_one_of_several_ && node.failures == 0;
    node.timer = scheduler_.after(checks ? kCheckPause : pause_after(node.failures), [this, peer] {
        const std::lock_guard lock(mutex_);
        const auto found = nodes_.find(peer);
        if (found == nodes_.end() || is_stopped_) return;
        Node& waiting = found->second;
        waiting.timer = 0;
        expire(peer, waiting);
        waiting.must_check = is_one_of_several_ && !waiting.unanswered.empty();
        waiting.has_failed = false;
        enqueue(peer, waiting);
        if (waiting.has_failed || !waiting.unanswered.empty()) look_again_later(peer, waiting);
        erase_if_idle(peer);
    });
}

/// With the lock held.
void Dispatcher::expire(const NodeKey& peer, Node& node) {
    const auto limit = Clock::now() - answer_limit_;
    const auto expired = std::erase_if(node.unanswered, [&](const auto& entry) { return entry.second.since <= limit; });
    unanswered_ -= expired;
    if (expired == 0 || node.last_answer > limit || node.is_ready) return;
    if (node.has_records() && given_up_.size() < kMaxGivenUp) given_up_.insert(peer);
    drop_queue(node);
}

/// With the lock held.
void Dispatcher::drop_queue(Node& node) {
    queued_ -= node.records.size() + node.messages.size();
    unanswered_ -= node.unanswered.size();
    node.records.clear();
    node.messages.clear();
    node.unanswered.clear();
    node.must_scan = false;
    node.must_rescan = false;
    node.cursor.clear();
}

/// With the lock held.
void Dispatcher::erase_if_idle(const NodeKey& peer) {
    const auto found = nodes_.find(peer);
    if (found == nodes_.end() || !found->second.is_idle()) return;
    scheduler_.cancel(found->second.timer);
    nodes_.erase(found);
}

/// With the lock held.
void Dispatcher::start_worker() {
    if (workers_ >= kMaxWorkers || is_stopped_ || !has_work()) return;
    ++workers_;
    if (scheduler_.work([this] { work(); })) return;
    --workers_;
    if (workers_ > 0 || busy_timer_ != 0) return;
    busy_timer_ = scheduler_.after(kPauseWhenBusy, [this] {
        const std::lock_guard lock(mutex_);
        busy_timer_ = 0;
        start_worker();
    });
}

/// With the lock held. False: there is none.
bool Dispatcher::take_node(NodeKey& peer, Turn& turn) {
    if (!has_work()) return false;
    turn.is_of_suspect = !suspects_.empty() && !is_trying_suspect_;
    auto& queue = turn.is_of_suspect ? suspects_ : turn_;
    is_trying_suspect_ = is_trying_suspect_ || turn.is_of_suspect;
    Line& line = lines_[queue.front()];
    queue.pop_front();
    peer = line.ready.front();
    line.ready.pop_front();
    line.is_queued = false;
    ++line.workers;
    offer(peer.org, line);
    return true;
}

bool Dispatcher::take(NodeKey& peer, Turn& turn) {
    const std::lock_guard lock(mutex_);
    turn = {};
    if (is_stopped_ || !take_node(peer, turn)) {
        --workers_;
        idle_.notify_all();
        return false;
    }
    Node& node = nodes_[peer];
    while (!node.messages.empty() && turn.messages.size() < kMostPerTurn) {
        turn.messages.push_back(std::move(node.messages.front()));
        node.messages.pop_front();
        --queued_;
    }
    if (std::exchange(node.must_check, false)) {
        for (const auto& entry : node.unanswered) turn.checks.push_back(entry.first);
    }
    turn.most = std::min(kMostPerTurn, room(node));
    while (!node.records.empty() && turn.records.size() < turn.most) {
        turn.records.push_back(std::move(node.records.front()));
        node.records.pop_front();
        --queued_;
    }
    turn.scans = node.must_scan && turn.records.empty() && turn.most > 0;
    if (!turn.scans) return true;
    turn.cursor = node.cursor;
    for (const auto& entry : node.unanswered) turn.known.emplace(entry.first, entry.second.sequence);
    return true;
}

void Dispatcher::work() {
    NodeKey peer;
    Turn turn;
    while (take(peer, turn)) finish_turn(peer, turn, run_turn(peer, turn));
}

Dispatcher::TurnEnd Dispatcher::run_turn(const NodeKey& peer, Turn& turn) {
    Found found;
    try {
        found = read(peer, turn);
    } catch (const std::exception& error) {
        note_failure(peer, error.what(), false);
        return TurnEnd::NotRead;
    }
    bool has_sent = false;
    try {
        has_sent = send_found(peer, turn, found);
    } catch (const std::exception& error) {
        note_failure(peer, error.what(), true);
        return TurnEnd::NotSent;
    }
    if (turn.scans) note_scanned(peer, turn, found);
    for (const auto& object : found.answered) answered({object, peer});
    return has_sent ? TurnEnd::Sent : TurnEnd::Nothing;
}

/// Once for each time that it lasts.
void Dispatcher::note_failure(const NodeKey& peer, const std::string& problem, bool is_of_line) {
    const std::lock_guard lock(mutex_);
    const bool is_known = is_of_line ? lines_[peer.org].failures > 0 : std::exchange(has_store_failed_, true);
    if (!is_known) log_.log(LogLevel::Warning, "Cannot send to " + peer.type + "/" + peer.id + ": " + problem);
}

/// Whether there was something to send.
bool Dispatcher::send_found(const NodeKey& peer, const Turn& turn, const Found& found) {
    if (found.transport == nullptr) return false;
    for (const auto& record : found.records) {
        {
            const std::lock_guard lock(mutex_);
            const Sent sent{Clock::now(), record.sequence};
            if (nodes_[peer].unanswered.insert_or_assign(record.message.key(), sent).second) ++unanswered_;
        }
        send_one(*found.transport, peer, record.message);
    }
    for (const auto& message : turn.messages) send_one(*found.transport, peer, message);
    return !found.records.empty() || !turn.messages.empty();
}

/// A message that cannot be sent at all must not keep the others back.
void Dispatcher::send_one(Transport& transport, const NodeKey& peer, const Message& message) {
    try {
        transport.send(peer, message);
    } catch (const Error& error) {
        if (is_about_line(error.kind())) throw;
        log_.log(LogLevel::Error, std::string("Cannot send ") + to_string(message.command) + " of " + message.meta.object_type + "/" +
                                      message.meta.object_id + " to " + peer.type + "/" + peer.id + ": " + error.what());
    }
}

void Dispatcher::scan(ReadTransaction& txn, const NodeKey& peer, const Turn& turn, Found& found) {
    found.cursor = turn.cursor;
    do {
        const auto page = txn.notifications_of_peer(peer, found.cursor, kScanPage);
        for (const auto& record : page.items) {
            if (!delivery::is_to_be_sent(record.status)) continue;
            const auto sent = turn.known.find(record.object);
            if (sent != turn.known.end() && sent->second == record.sequence) continue;
            if (found.records.size() >= turn.most) {
                found.later.push_back(record.object);
            } else if (auto message = delivery::message_of(context_, txn, record)) {
                found.records.push_back({std::move(*message), record.sequence});
            }
        }
        found.cursor = page.next;
    } while (!found.cursor.empty() && found.later.empty());
    found.is_at_end = found.cursor.empty();
}

Dispatcher::Found Dispatcher::read(const NodeKey& peer, const Turn& turn) {
    Found found;
    operations_.store().read([&](ReadTransaction& txn) {
        found = {};
        const auto destination = txn.destination(peer);
        const auto transport = destination ? transports_.find(destination->protocol) : transports_.end();
        if (transport == transports_.end()) return;
        found.transport = transport->second;
        for (const auto& object : turn.checks) {
            const auto record = txn.notification(object, peer);
            if (!record || !delivery::is_to_be_sent(record->status)) found.answered.push_back(object);
        }
        for (const auto& object : turn.records) {
            const auto record = txn.notification(object, peer);
            if (!record || !delivery::is_to_be_sent(record->status)) continue;
            if (auto message = delivery::message_of(context_, txn, *record)) {
                found.records.push_back({std::move(*message), record->sequence});
            }
        }
        if (turn.scans) scan(txn, peer, turn, found);
    });
    return found;
}

/// With little room for each of many nodes a turn sends one record or two, and is not to read a page for them; so the others of the page
/// are queued, or, if there are too many of all nodes, the page is looked at again.
void Dispatcher::note_scanned(const NodeKey& peer, const Turn& turn, const Found& found) {
    const std::lock_guard lock(mutex_);
    Node& node = nodes_[peer];
    if (queued_ + found.later.size() > kMaxQueued / 2) {  // The rest is for what comes: while a line stalls these stay.
        node.cursor = turn.cursor;
        return;
    }
    node.records.insert(node.records.end(), found.later.begin(), found.later.end());
    queued_ += found.later.size();
    node.cursor = found.cursor;
    if (!found.is_at_end) return;
    node.must_scan = node.must_rescan;
    node.must_rescan = false;
}

void Dispatcher::finish_turn(const NodeKey& peer, const Turn& turn, TurnEnd end) {
    const std::lock_guard lock(mutex_);
    Node& node = nodes_[peer];
    Line& line = lines_[peer.org];
    node.is_ready = false;
    --line.workers;
    if (turn.is_of_suspect) is_trying_suspect_ = false;
    const bool has_failed = end == TurnEnd::NotRead || end == TurnEnd::NotSent;
    if (has_failed) {
        // Its records remain; who looks again finds them.
        drop_queue(node);
        node.must_scan = true;
    }
    node.has_failed = end == TurnEnd::NotRead;
    node.failures = node.has_failed ? node.failures + 1 : 0;
    has_store_failed_ = has_store_failed_ && node.has_failed;
    if (end == TurnEnd::NotSent) let_wait(peer.org, line);
    if (end == TurnEnd::Sent) {
        line.failures = 0;
        if (line.is_waiting) end_wait(peer.org, line);
    }
    enqueue(peer, node);
    offer(peer.org, line);
    if (node.has_failed || !node.unanswered.empty()) look_again_later(peer, node);
    erase_if_idle(peer);
    erase_line_if_idle(peer.org);
}

void Dispatcher::answered(const rules::ExchangeKey& key) {
    const std::lock_guard lock(mutex_);
    if (given_up_.erase(key.peer) > 0 && !is_stopped_) {
        Node& node = nodes_[key.peer];
        (node.must_scan ? node.must_rescan : node.must_scan) = true;
        node.last_answer = Clock::now();
        enqueue(key.peer, node);
    }
    const auto found = nodes_.find(key.peer);
    if (found == nodes_.end() || found->second.unanswered.erase(key.object) == 0) return;
    --unanswered_;
    found->second.last_answer = Clock::now();
    enqueue(key.peer, found->second);
    erase_if_idle(key.peer);
}

void Dispatcher::line_restored() {
    const std::lock_guard lock(mutex_);
    for (auto& [org, line] : lines_) {
        if (line.is_waiting) end_wait(org, line);
    }
}

void Dispatcher::stop() {
    std::unique_lock lock(mutex_);
    is_stopped_ = true;
    scheduler_.cancel(busy_timer_);
    for (auto& [peer, node] : nodes_) scheduler_.cancel(node.timer);
    for (auto& [org, line] : lines_) scheduler_.cancel(line.timer);
    idle_.wait(lock, [this] { return workers_ == 0; });
    nodes_.clear();
    lines_.clear();
    turn_.clear();
    suspects_.clear();
}

}  // namespace edgesync::packet_line
