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

/// The line, not the message.
bool is_about_line(ErrorKind kind) { return kind == ErrorKind::NotConnected || kind == ErrorKind::Timeout || kind == ErrorKind::Busy; }

}  // namespace

Dispatcher::Dispatcher(const rules::NodeContext& context, rules::Operations& operations, rules::Scheduler& scheduler, Log& log,
                       bool is_one_of_several)
    : context_(context), operations_(operations), scheduler_(scheduler), log_(log), is_one_of_several_(is_one_of_several) {}

Dispatcher::~Dispatcher() { stop(); }

void Dispatcher::send(const rules::ExchangeKey& key) {
    const std::lock_guard lock(mutex_);
    if (is_stopped_ || transports_.empty()) return;
    Node& node = nodes_[key.peer];
    if (node.must_scan) {
        node.must_rescan = true;
    } else if (node.records.size() < kMaxQueuedPerNode && queued_ < kMaxQueued) {
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
    ready_.push_back(peer);
    start_worker();
}

/// With the lock held.
void Dispatcher::look_again_later(const NodeKey& peer, Node& node) {
    if (node.timer != 0 || is_stopped_) return;
    const bool checks = is_one_of_several_ && node.failures == 0;
    const auto pause = checks
                           ? kCheckPause
                           : std::min<std::chrono::milliseconds>(kAnswerLimit * (1 << std::clamp(node.failures - 1, 0, 4)), kLongestPause);
    node.timer = scheduler_.after(pause, [this, peer] {
        const std::lock_guard lock(mutex_);
        const auto found = nodes_.find(peer);
        if (found == nodes_.end() || is_stopped_) return;
        Node& waiting = found->second;
        waiting.timer = 0;
        expire(waiting);
        waiting.must_check = is_one_of_several_ && !waiting.unanswered.empty();
        waiting.has_failed = false;
        enqueue(peer, waiting);
        if (waiting.has_failed || !waiting.unanswered.empty()) look_again_later(peer, waiting);
        erase_if_idle(peer);
    });
}

/// With the lock held.
void Dispatcher::expire(Node& node) {
    const auto limit = Clock::now() - kAnswerLimit;
    const auto expired = std::erase_if(node.unanswered, [&](const auto& entry) { return entry.second <= limit; });
    unanswered_ -= expired;
    if (expired > 0 && node.last_answer <= limit && !node.is_ready) drop_queue(node);
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
    if (workers_ >= kMaxWorkers || is_stopped_) return;
    ++workers_;
    if (scheduler_.work([this] { work(); })) return;
    --workers_;
    if (workers_ > 0 || busy_timer_ != 0) return;
    busy_timer_ = scheduler_.after(kPauseWhenBusy, [this] {
        const std::lock_guard lock(mutex_);
        busy_timer_ = 0;
        if (!ready_.empty()) start_worker();
    });
}

bool Dispatcher::take(NodeKey& peer, Turn& turn) {
    const std::lock_guard lock(mutex_);
    if (ready_.empty() || is_stopped_) {
        --workers_;
        idle_.notify_all();
        return false;
    }
    peer = ready_.front();
    ready_.pop_front();
    Node& node = nodes_[peer];
    turn = {};
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
    for (const auto& entry : node.unanswered) turn.known.insert(entry.first);
    return true;
}

void Dispatcher::work() {
    NodeKey peer;
    Turn turn;
    while (take(peer, turn)) {
        bool has_succeeded = false;
        try {
            run_turn(peer, turn);
            has_succeeded = true;
        } catch (const std::exception& error) {
            const auto* failure = dynamic_cast<const Error*>(&error);
            const std::lock_guard lock(mutex_);
            if (!is_line_down_) log_.log(LogLevel::Warning, "Cannot send to " + peer.type + "/" + peer.id + ": " + error.what());
            is_line_down_ = is_line_down_ || (failure != nullptr && failure->kind() == ErrorKind::NotConnected);
        }
        finish_turn(peer, has_succeeded);
    }
}

void Dispatcher::run_turn(const NodeKey& peer, Turn& turn) {
    const Found found = read(peer, turn);
    if (found.transport != nullptr) {
        for (const auto& message : found.records) {
            {
                const std::lock_guard lock(mutex_);
                if (nodes_[peer].unanswered.insert_or_assign(message.key(), Clock::now()).second) ++unanswered_;
            }
            send_one(*found.transport, peer, message);
        }
        for (const auto& message : turn.messages) send_one(*found.transport, peer, message);
    }
    if (turn.scans) note_scanned(peer, found);
    for (const auto& object : found.answered) answered({object, peer});
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
    found.is_at_end = false;
    do {
        const auto page = txn.notifications_of_peer(peer, found.cursor, kScanPage);
        for (const auto& record : page.items) {
            if (!delivery::is_to_be_sent(record.status) || turn.known.contains(record.object)) continue;
            if (found.records.size() >= turn.most) return;  // The next turn looks at this page again.
            if (auto message = delivery::message_of(context_, txn, record)) found.records.push_back(std::move(*message));
        }
        found.cursor = page.next;
    } while (!found.cursor.empty());
    found.is_at_end = true;
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
            if (auto message = delivery::message_of(context_, txn, *record)) found.records.push_back(std::move(*message));
        }
        if (turn.scans) scan(txn, peer, turn, found);
    });
    return found;
}

/// What is in the page that the scan stopped in was sent as far as it is among the unanswered.
void Dispatcher::note_scanned(const NodeKey& peer, const Found& found) {
    const std::lock_guard lock(mutex_);
    Node& node = nodes_[peer];
    node.cursor = found.is_at_end ? std::string{} : found.cursor;
    if (!found.is_at_end) return;
    node.must_scan = node.must_rescan;
    node.must_rescan = false;
}

void Dispatcher::finish_turn(const NodeKey& peer, bool succeeded) {
    const std::lock_guard lock(mutex_);
    Node& node = nodes_[peer];
    node.is_ready = false;
    if (succeeded) {
        is_line_down_ = false;
        node.failures = 0;
    } else {
        // Its records remain; who looks again finds them.
        drop_queue(node);
        node.must_scan = true;
        node.has_failed = true;
        ++node.failures;
    }
    enqueue(peer, node);
    if (node.has_failed || !node.unanswered.empty()) look_again_later(peer, node);
    erase_if_idle(peer);
}

void Dispatcher::answered(const rules::ExchangeKey& key) {
    const std::lock_guard lock(mutex_);
    const auto found = nodes_.find(key.peer);
    if (found == nodes_.end() || found->second.unanswered.erase(key.object) == 0) return;
    --unanswered_;
    found->second.last_answer = Clock::now();
    enqueue(key.peer, found->second);
    erase_if_idle(key.peer);
}

void Dispatcher::line_restored() {
    const std::lock_guard lock(mutex_);
    is_line_down_ = false;
    for (auto& [peer, node] : nodes_) {
        node.has_failed = false;
        node.failures = 0;
        scheduler_.cancel(node.timer);
        node.timer = 0;
        enqueue(peer, node);
        if (!node.unanswered.empty()) look_again_later(peer, node);
    }
}

void Dispatcher::stop() {
    std::unique_lock lock(mutex_);
    is_stopped_ = true;
    scheduler_.cancel(busy_timer_);
    for (auto& [peer, node] : nodes_) scheduler_.cancel(node.timer);
    idle_.wait(lock, [this] { return workers_ == 0; });
    nodes_.clear();
    ready_.clear();
}

}  // namespace edgesync::packet_line
