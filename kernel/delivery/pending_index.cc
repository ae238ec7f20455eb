#include "kernel/delivery/pending_index.h"

#include <algorithm>

#include "edgesync/sdk/error.h"
#include "kernel/delivery/inbound.h"

namespace edgesync::delivery {
namespace {

constexpr std::chrono::seconds kMaxDelay{10};
constexpr std::size_t kMaxDamped = 10000;
/// A fan-out wakes thousands at once, which must not take the workers that serve everybody else.
constexpr std::size_t kMostAttempting = 4;
constexpr std::chrono::milliseconds kPauseWhenBusy{20};

}  // namespace

std::size_t PendingIndex::NodeHash::operator()(const NodeKey& key) const noexcept {
    const std::hash<std::string> hash;
    return hash(key.id) ^ (hash(key.type) << 1) ^ (hash(key.org) << 2);
}

PendingIndex::PendingIndex(const rules::NodeContext& context, Store& store, rules::Scheduler& scheduler, PendingOptions options,
                           Forget forget)
    : context_(context), store_(store), scheduler_(scheduler), options_(options), forget_(std::move(forget)),
      random_(std::random_device{}()) {}

PendingIndex::~PendingIndex() { drain(); }

std::uint64_t PendingIndex::changes_of(const NodeKey& peer) {
    const std::lock_guard lock(mutex_);
    return all_changes(peer, node_of(peer));
}

/// With the lock held. A node that is made anew must not be taken for the one that was erased.
PendingIndex::Node& PendingIndex::node_of(const NodeKey& peer) {
    const auto [found, is_new] = nodes_.try_emplace(peer);
    if (is_new) found->second.changes = ++births_ << 32U;
    return found->second;
}

std::uint64_t PendingIndex::all_changes(const NodeKey& peer, const Node& node) const {
    const auto org = orgs_.find(peer.org);
    return node.changes + (org == orgs_.end() ? 0 : org->second.changes);
}

PendingIndex::Collected PendingIndex::read_pending(const NodeKey& peer, std::size_t limit, std::map<std::uint64_t, Damped>& damped) {
    Collected result;
    std::vector<NotificationRecord> void_records;
    const auto now = Clock::now();
    store_.read([&](ReadTransaction& txn) {
        if (!txn.destination(peer)) {
            result.verdict = Verdict::UnknownPeer;
            return;
        }
        std::uint64_t after = 0;
        bool at_end = false;
        while (!at_end && result.items.size() < limit) {
            const auto records = txn.pending_notifications(peer, after, 256);
            at_end = records.size() < 256;
            for (const auto& record : records) {
                if (result.items.size() >= limit) break;
                after = record.sequence;
                const auto known = damped.find(record.sequence);
                if (known != damped.end()) known->second.seen = true;
                if (known != damped.end() && known->second.next > now) {
                    result.retry_at = std::min(result.retry_at.value_or(known->second.next), known->second.next);
                    continue;
                }
                auto message = message_of(context_, txn, record);
                if (!message) {
                    void_records.push_back(record);
                    continue;
                }
                auto& entry = damped[record.sequence];
                entry.seen = true;
                entry.delay = known == damped.end() ? std::chrono::seconds{1} : std::min(entry.delay * 2, kMaxDelay);
                entry.next = now + entry.delay;
                result.items.push_back(std::move(*message));
            }
        }
        if (at_end) std::erase_if(damped, [](const auto& entry) { return !entry.second.seen; });
        result.is_empty = at_end && damped.empty() && result.items.empty();
    });
    if (!void_records.empty()) forget_(std::move(void_records));
    return result;
}

PendingIndex::Collected PendingIndex::collect(const NodeKey& peer, std::size_t limit) {
    std::map<std::uint64_t, Damped> damped;
    std::uint64_t changes = 0;
    {
        const std::lock_guard lock(mutex_);
        Node& node = node_of(peer);
        changes = all_changes(peer, node);
        if (node.empty_at == changes) {
            Collected empty;
            empty.is_empty = true;
            return empty;
        }
        damped = std::move(node.damped);
        node.damped.clear();
    }
    for (auto& entry : damped) entry.second.seen = false;
    Collected result;
    try {
        result = read_pending(peer, limit, damped);
    } catch (const Error& error) {
        result.verdict = error.kind() == ErrorKind::NotConnected ? Verdict::Unavailable : Verdict::Failed;
        result.reason = error.what();
    } catch (const std::exception& error) {
        result.verdict = Verdict::Failed;
        result.reason = error.what();
    }
    while (damped.size() > kMaxDamped) damped.erase(damped.begin());
    const std::lock_guard lock(mutex_);
    const auto found = nodes_.find(peer);
    if (result.verdict == Verdict::UnknownPeer) {
        if (found != nodes_.end() && !found->second.parked) nodes_.erase(found);
        return result;
    }
    Node& node = node_of(peer);
    node.damped.merge(damped);
    if (result.is_empty) node.empty_at = changes;
    return result;
}

std::uint64_t PendingIndex::poll(const NodeKey& peer, const PollRequest& request, Done done) {
    auto parked = std::make_shared<Parked>();
    parked->peer = peer;
    parked->request = request;
    parked->done = std::move(done);
    {
        const std::lock_guard lock(mutex_);
        parked->handle = next_handle_++;
        if (request.wait.count() > 0) {
            parked->granted = std::min(request.wait, options_.max_wait);
            // Up to a tenth shorter, so that nodes parked together do not come back together.
            const auto full = std::chrono::milliseconds(parked->granted);
            std::uniform_int_distribution<std::int64_t> shorter(0, full.count() / 10);
            parked->deadline = Clock::now() + full - std::chrono::milliseconds(shorter(random_));
        }
    }
    std::shared_ptr<Parked> replaced = take(peer, 0);
    if (replaced) replaced->done({Verdict::Accepted, {}, replaced->granted});
    const std::uint64_t handle = parked->handle;
    attempt(std::move(parked));
    return handle;
}

void PendingIndex::attempt(std::shared_ptr<Parked> parked) {
    for (;;) {
        const std::uint64_t changes = changes_of(parked->peer);
        Collected found = collect(parked->peer, parked->request.limit);
        const bool is_over = parked->granted.count() == 0 || Clock::now() >= parked->deadline;
        if (found.verdict != Verdict::Accepted || !found.items.empty() || is_over) {
            parked->done({found.verdict, std::move(found.items), parked->granted});
            return;
        }
        {
            const std::lock_guard lock(mutex_);
            if (is_draining_ || parked_count_ >= options_.max_parked) parked->granted = std::chrono::seconds{0};
        }
        if (parked->granted.count() == 0) {
            parked->done({Verdict::Accepted, {}, parked->granted});
            return;
        }
        if (park(parked, found.retry_at, changes)) return;
    }
}

bool PendingIndex::park(const std::shared_ptr<Parked>& parked, std::optional<Clock::time_point> retry_at, std::uint64_t changes) {
    std::shared_ptr<Parked> replaced;
    {
        const std::lock_guard lock(mutex_);
        Node& node = node_of(parked->peer);
        if (all_changes(parked->peer, node) != changes) return false;
        replaced = std::move(node.parked);
        auto& parked_of_org = orgs_[parked->peer.org].parked;
        if (replaced) {
            handles_.erase(replaced->handle);
            parked_of_org.erase(replaced->handle);
        }
        parked_of_org.insert(parked->handle);
        if (!replaced) ++parked_count_;
        node.parked = parked;
        handles_[parked->handle] = parked->peer;
        const auto until = std::min(parked->deadline, retry_at.value_or(parked->deadline));
        const auto delay = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
        parked->timer =
            scheduler_.after(std::max(delay, std::chrono::milliseconds{1}), [this, peer = parked->peer, handle = parked->handle] {
                auto due = take(peer, handle);
                if (!due) return;
                options_.reads_block ? attempt_soon(std::move(due)) : attempt(std::move(due));
            });
    }
    if (replaced) {
        scheduler_.cancel(replaced->timer);
        replaced->done({Verdict::Accepted, {}, replaced->granted});
    }
    return true;
}

std::shared_ptr<PendingIndex::Parked> PendingIndex::take(const NodeKey& peer, std::uint64_t handle) {
    std::shared_ptr<Parked> taken;
    {
        const std::lock_guard lock(mutex_);
        const auto found = nodes_.find(peer);
        if (found == nodes_.end() || !found->second.parked) return nullptr;
        if (handle != 0 && found->second.parked->handle != handle) return nullptr;
        taken = std::move(found->second.parked);
        found->second.parked.reset();
        handles_.erase(taken->handle);
        orgs_[peer.org].parked.erase(taken->handle);
        --parked_count_;
    }
    scheduler_.cancel(taken->timer);
    return taken;
}

void PendingIndex::cancel(std::uint64_t handle) {
    NodeKey peer;
    {
        const std::lock_guard lock(mutex_);
        const auto found = handles_.find(handle);
        if (found == handles_.end()) return;
        peer = found->second;
    }
    take(peer, handle);
}

void PendingIndex::wake(const NodeKey& peer) {
    {
        const std::lock_guard lock(mutex_);
        const auto found = nodes_.find(peer);
        if (found == nodes_.end()) return;
        ++found->second.changes;
        if (!found->second.parked) return;
    }
    if (auto parked = take(peer, 0)) attempt_soon(std::move(parked));
}

void PendingIndex::wake_all() {
    std::vector<NodeKey> parked;
    {
        const std::lock_guard lock(mutex_);
        for (auto& [peer, node] : nodes_) {
            ++node.changes;
            if (node.parked) parked.push_back(peer);
        }
    }
    for (const auto& peer : parked) {
        if (auto poll = take(peer, 0)) attempt_soon(std::move(poll));
    }
}

/// Where the store may be read.
void PendingIndex::attempt_soon(std::shared_ptr<Parked> parked) {
    if (!options_.reads_block) {
        scheduler_.post([this, parked = std::move(parked)]() mutable { attempt(std::move(parked)); });
        return;
    }
    {
        const std::lock_guard lock(mutex_);
        ready_.push_back(std::move(parked));
        if (attempting_ >= kMostAttempting) return;
        ++attempting_;
    }
    start_attempting();
}

void PendingIndex::start_attempting() {
    if (!scheduler_.work([this] { attempt_all_ready(); })) scheduler_.after(kPauseWhenBusy, [this] { start_attempting(); });
}

void PendingIndex::attempt_all_ready() {
    for (;;) {
        std::shared_ptr<Parked> parked;
        {
            const std::lock_guard lock(mutex_);
            if (ready_.empty()) {
                --attempting_;
                return;
            }
            parked = std::move(ready_.front());
            ready_.pop_front();
        }
        try {
            attempt(std::move(parked));
        } catch (...) {
            start_attempting();  // Another worker goes on with the others; this one says what failed.
            throw;
        }
    }
}

void PendingIndex::wake_org(const std::string& org) {
    std::vector<NodeKey> parked;
    {
        const std::lock_guard lock(mutex_);
        Org& woken = orgs_[org];
        ++woken.changes;
        for (const std::uint64_t handle : woken.parked) parked.push_back(handles_[handle]);
    }
    for (const auto& peer : parked) {
        if (auto poll = take(peer, 0)) attempt_soon(std::move(poll));
    }
}

void PendingIndex::drain() {
    std::vector<NodeKey> peers;
    {
        const std::lock_guard lock(mutex_);
        is_draining_ = true;
        for (const auto& [peer, node] : nodes_) {
            if (node.parked) peers.push_back(peer);
        }
    }
    for (const auto& peer : peers) {
        if (auto parked = take(peer, 0)) parked->done({Verdict::Accepted, {}, parked->granted});
    }
}

std::size_t PendingIndex::parked() const {
    const std::lock_guard lock(mutex_);
    return parked_count_;
}

}  // namespace edgesync::delivery
