// The parts of the kernel that make an ESS, with a real store and the real transport, and time in the hand of the test.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "http_transport.h"
#include "kernel/data/fetcher.h"
#include "kernel/delivery/inbound.h"
#include "kernel/delivery/outbox.h"
#include "kernel/delivery/registration_client.h"
#include "kernel/ops/worker_pool.h"
#include "kernel/rules/operation.h"
#include "tests/unit/temporary_folder.h"
#include "tests/unit/transport_http/recording_host.h"

namespace edgesync::transport_http::test {

using std::chrono::milliseconds;

/// Work runs on real threads; timers run when the test says so. Thread-safe.
class ManualScheduler : public rules::Scheduler {
public:
    explicit ManualScheduler(ops::WorkerPool& workers) : workers_(workers) {}

    void post(std::function<void()> function) override { workers_.try_post(std::move(function)); }
    std::uint64_t after(milliseconds delay, std::function<void()> function) override;
    void cancel(std::uint64_t handle) override;
    bool work(std::function<void()> function) override;

    /// Waits for a timer and for the end of all work, at most 10 s each, and runs the timer set first; its delay. nullopt: none was set.
    /// Real pauses are longer than the rest of the work that began them; here that is said, not hoped.
    std::optional<milliseconds> fire();
    /// The same, also while work is in progress.
    std::optional<milliseconds> fire_at_once();
    std::size_t timers() const;

    std::atomic<bool> takes_work{true};  ///< False: the pool is full.

private:
    struct Timer {
        std::uint64_t handle;
        milliseconds delay;
        std::function<void()> function;
    };

    ops::WorkerPool& workers_;
    std::shared_ptr<std::atomic<int>> in_progress_ = std::make_shared<std::atomic<int>>(0);  ///< Shared: work may outlive this.
    mutable std::mutex mutex_;
    std::vector<Timer> timers_;
    std::uint64_t last_ = 0;
};

/// A store plugin, loaded as the service loads it, in a private folder.
class LoadedStore {
public:
    /// `plugin`: the path of its library.
    explicit LoadedStore(const std::string& plugin, NodeRole role = NodeRole::Ess);
    ~LoadedStore();

    Store& operator*() { return *store_; }
    Store* operator->() { return store_.get(); }
    /// As the end and a new start of the process leave it.
    void restart();
    bool is_persistent() const { return store_->traits().is_persistent; }

private:
    void open();

    TemporaryFolder folder_;
    const std::string plugin_;
    const NodeRole role_;
    SilentLog log_;
    std::unique_ptr<Settings> settings_;
    std::unique_ptr<Store> store_;
};

struct EdgeOptions {
    std::map<std::string, std::string> settings;
    int parallel_chunks = 1;
    std::int64_t largest_object = 0;
    std::function<std::string(const Metadata&, BlobWriter&)> verify;
    std::size_t threads = ops::WorkerPool::kDefaultThreads;
    std::size_t queue = ops::WorkerPool::kDefaultQueue;
};

/// Node acme/edge/n1, wired as the service wires it.
class EdgeNode : private rules::EffectsRunner {
public:
    EdgeNode(LoadedStore& store, std::uint16_t css_port, EdgeOptions options = {});
    ~EdgeNode() override;

    /// Registers, and waits until that is acknowledged.
    [[nodiscard]] bool registers();

    template <typename Rule>
    void in_transaction(Rule rule) {
        operations.run_and_wait<rules::Done>(
            [&](WriteTransaction& txn, rules::Effects& effects) { return rule(txn, effects), rules::Done{}; });
    }

    /// What the CSS announces; waits for the verdict.
    HandleResult announce(const Metadata& meta, const std::string& sha256 = {});
    /// An object of an application of this node, published and queued.
    Metadata publish(const std::string& id, const std::optional<std::string>& octets, std::int32_t chunk_size = 4096);

    std::optional<ObjectRecord> object(const std::string& id);
    std::optional<NotificationRecord> notification(const std::string& id, const NodeKey& peer);
    /// "status" of the record with the CSS (received objects) or of the own one; empty: none.
    std::string exchange(const std::string& id);
    /// The published data; nullopt: none.
    std::optional<std::string> data(const std::string& id);
    /// Every change of the registration so far, and the capabilities that came with the last one.
    std::vector<bool> registrations();
    std::vector<std::string> capabilities();
    /// Lets the registration's timer run until `condition` holds; how often it did. 0 also if it held before; nullopt: it never did.
    std::optional<int> ticks_until(const std::function<bool()>& condition);

    LoadedStore& store;
    FixedSettings settings;
    RecordingHost host;
    ops::WorkerPool workers;
    // One each, so that a test tells their timers apart.
    ManualScheduler line_timers{workers};
    ManualScheduler fetch_timers{workers};
    ManualScheduler registration_timers{workers};
    rules::Operations operations;
    rules::NodeContext context;
    HttpTransport transport;
    delivery::Line line;
    delivery::Outbox outbox;
    data::Fetcher fetcher;
    delivery::RegistrationClient registration;

private:
    static rules::NodeContext make_context(LoadedStore& store);
    static data::FetcherOptions fetcher_options(const EdgeOptions& options);
    void run(rules::Effects effects) override;
    void changed(bool registered, const std::vector<std::string>& capabilities);

    std::mutex mutex_;
    std::vector<bool> registrations_;
    std::vector<std::string> capabilities_;
};

/// Metadata of acme/model/`id` as a CSS announces it.
Metadata announced(const std::string& id, InstanceId instance, std::int64_t size, std::int32_t chunk_size);

}  // namespace edgesync::transport_http::test
