// The store as the kernel sees it (edgesync/sdk/store.h): snapshots for readers, one thread for writers. No rule of the object life cycle
// is here; those are the kernel's functions that run inside the transactions.
#include <edgesync/sdk/error.h>

#include <condition_variable>
#include <deque>
#include <thread>

#include "writes.h"

namespace plugin_name_store {
namespace {

using namespace edgesync;

constexpr std::size_t kMostWaiting = 10000;

class PluginNameStore final : public Store {
public:
    ~PluginNameStore() override { close(); }

    /// FILL IN: the keys of sync.conf that the store needs. The kernel checks type and range, and masks what `is_secret`.
    std::vector<SettingDeclaration> declare_settings() const override { return {}; }

    /// FILL IN: read them; `settings.persistence_root()` is the folder for files.
    void configure(const Settings&, Log& log) override { log_ = &log; }

    /// FILL IN: `is_persistent` once acknowledged transactions survive power loss, `is_shared` if several processes may use it at once.
    StoreTraits traits() const noexcept override { return {.inline_limit = 64 * 1024}; }

    /// FILL IN: create or migrate, lock, remove what a crash left. The message of an Error is one line that names the file or address.
    void open() override {
        const std::lock_guard lock(queue_mutex_);
        is_open_ = true;
        writer_ = std::thread([this] { run(); });
    }

    void close() noexcept override {
        {
            const std::lock_guard lock(queue_mutex_);
            is_closing_ = true;
        }
        queue_changed_.notify_all();
        if (writer_.joinable()) writer_.join();
    }

    /// FILL IN: a snapshot of your database, which does not wait for writers.
    void read(const std::function<void(ReadTransaction&)>& f) override {
        const auto snapshot = state();
        Reads<ReadTransaction> transaction(*snapshot, blobs_);
        f(transaction);
    }

    void submit(std::function<void(WriteTransaction&)> f, std::function<void(std::exception_ptr)> done) override {
        const std::lock_guard lock(queue_mutex_);
        if (!is_open_) throw Error(ErrorKind::NotConnected, "the store is not open");
        if (queue_.size() >= kMostWaiting) throw Error(ErrorKind::Busy, std::to_string(kMostWaiting) + " transactions wait already");
        queue_.push_back({std::move(f), std::move(done)});
        queue_changed_.notify_one();
    }

    edgesync::BlobStore& blobs() override { return blobs_; }

    /// FILL IN: what operators should know: lost connections, failures, a full disk.
    StoreHealth health() const override { return {}; }

    void wipe() override {
        State empty;
        empty.last_instance_id = state()->last_instance_id;  // Peers may still know objects that had the old ones.
        put(std::move(empty));
        blobs_.clear();
    }

private:
    struct Job {
        std::function<void(WriteTransaction&)> f;
        std::function<void(std::exception_ptr)> done;
    };

    /// Ends when nothing is left, because a `done` may submit while the store closes.
    void run() {
        for (;;) {
            Job job;
            {
                std::unique_lock lock(queue_mutex_);
                queue_changed_.wait(lock, [this] { return is_closing_ || !queue_.empty(); });
                if (queue_.empty()) {
                    is_open_ = false;
                    return;
                }
                job = std::move(queue_.front());
                queue_.pop_front();
            }
            job.done(run(job.f));
        }
    }

    /// FILL IN: a transaction of your database, durable when this returns. One sync for many functions is what makes a store fast: take all
    /// that wait, run them in one transaction, sync, and then call every `done`. A function that throws must leave nothing.
    std::exception_ptr run(const std::function<void(WriteTransaction&)>& f) noexcept {
        try {
            State copy = *state();
            Writes transaction(copy, blobs_);
            f(transaction);
            put(std::move(copy));
            for (const auto& id : transaction.no_longer_staged()) blobs_.discard(id);
            return nullptr;
        } catch (...) {
            return std::current_exception();
        }
    }

    std::shared_ptr<const State> state() const {
        const std::lock_guard lock(state_mutex_);
        return state_;
    }
    void put(State next) {
        auto replaced = std::make_shared<const State>(std::move(next));
        const std::lock_guard lock(state_mutex_);
        state_.swap(replaced);
    }

    Log* log_ = nullptr;
    Blobs blobs_;

    mutable std::mutex state_mutex_;
    std::shared_ptr<const State> state_ = std::make_shared<const State>();

    std::mutex queue_mutex_;
    std::condition_variable queue_changed_;
    std::deque<Job> queue_;
    bool is_open_ = false;
    bool is_closing_ = false;
    std::thread writer_;
};

}  // namespace
}  // namespace plugin_name_store

EDGESYNC_PLUGIN(Store, "plugin-name", "0.1.0", plugin_name_store::PluginNameStore);
