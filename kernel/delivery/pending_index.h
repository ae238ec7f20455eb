// What polling peers must be told, kept so that an idle node costs nothing: a node known to have nothing pending is answered from
// memory, and one that asked to wait is parked until something becomes pending (design: idle is free; extensions 1).
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <unordered_map>

#include "edgesync/sdk/transport.h"
#include "kernel/rules/node_context.h"
#include "kernel/rules/scheduler.h"

namespace edgesync::delivery {

struct PendingOptions {
    std::chrono::seconds max_wait{55};
    std::size_t max_parked = 50000;
    bool reads_block = false;  ///< As in StoreTraits.
};

/// Thread-safe. Outlives its parked polls.
class PendingIndex {
public:
    using Done = std::function<void(PollResult)>;
    /// Asked to remove records that can never be delivered (their object is gone).
    using Forget = std::function<void(std::vector<NotificationRecord>)>;

    PendingIndex(const rules::NodeContext& context, Store& store, rules::Scheduler& scheduler, PendingOptions options, Forget forget);
    ~PendingIndex();

    /// See TransportHost::poll.
    std::uint64_t poll(const NodeKey& peer, const PollRequest& request, Done done);
    void cancel(std::uint64_t handle);

    /// Something became pending for the peer.
    void wake(const NodeKey& peer);
    /// Something may be pending for any node of the organization. Costs nothing for nodes that do not wait.
    void wake_org(const std::string& org);
    /// Something may have become pending for any peer.
    void wake_all();
    /// Answers all parked polls with nothing, and parks no more.
    void drain();

    std::size_t parked() const;

private:
    using Clock = std::chrono::steady_clock;

    struct Parked {
        std::uint64_t handle = 0;
        NodeKey peer;
        PollRequest request;
        Done done;
        std::chrono::seconds granted{0};
        Clock::time_point deadline;
        std::uint64_t timer = 0;
    };

    /// How often an unchanged record was delivered, and when it may be again.
    struct Damped {
        Clock::time_point next;
        std::chrono::seconds delay{1};
        bool seen = false;
    };

    struct Node {
        std::uint64_t changes = 0;               ///< Raised by every wake of the node alone.
        std::optional<std::uint64_t> empty_at;   ///< All changes when the store was asked and had nothing.
        std::map<std::uint64_t, Damped> damped;  ///< By record sequence.
        std::shared_ptr<Parked> parked;
    };

    struct Org {
        std::uint64_t changes = 0;  ///< Raised by every wake of the organization.
        std::set<std::uint64_t> parked;
    };

    struct Collected {
        Verdict verdict = Verdict::Accepted;
        std::vector<Message> items;
        bool is_empty = false;
        std::optional<Clock::time_point> retry_at;  ///< When the first withheld record may be delivered again.
        std::string reason;
    };

    Collected collect(const NodeKey& peer, std::size_t limit);
    Collected read_pending(const NodeKey& peer, std::size_t limit, std::map<std::uint64_t, Damped>& damped);
    void attempt(std::shared_ptr<Parked> parked);
    void attempt_soon(std::shared_ptr<Parked> parked);
    void start_attempting();
    void attempt_all_ready();
    bool park(const std::shared_ptr<Parked>& parked, std::optional<Clock::time_point> retry_at, std::uint64_t changes);
    std::shared_ptr<Parked> take(const NodeKey& peer, std::uint64_t handle);
    Node& node_of(const NodeKey& peer);
    std::uint64_t changes_of(const NodeKey& peer);
    /// With the lock held: raised by every wake that concerns the node, so that a reader can tell that it missed one.
    std::uint64_t all_changes(const NodeKey& peer, const Node& node) const;

    struct NodeHash {
        std::size_t operator()(const NodeKey& key) const noexcept;
    };

    const rules::NodeContext& context_;
    Store& store_;
    rules::Scheduler& scheduler_;
    const PendingOptions options_;
    const Forget forget_;

    mutable std::mutex mutex_;
    std::unordered_map<NodeKey, Node, NodeHash> nodes_;
    std::unordered_map<std::uint64_t, NodeKey> handles_;
    std::unordered_map<std::string, Org> orgs_;
    std::uint64_t next_handle_ = 1;
    std::uint64_t births_ = 0;  ///< Nodes made so far.
    std::size_t parked_count_ = 0;
    std::deque<std::shared_ptr<Parked>> ready_;  ///< Wait for a worker; at most as many as were parked.
    std::size_t attempting_ = 0;                 ///< Workers that are taken.
    bool is_draining_ = false;
    std::minstd_rand random_;
};

}  // namespace edgesync::delivery
