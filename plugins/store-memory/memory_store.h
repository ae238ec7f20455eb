// Plugin store-memory: everything in memory, for edge nodes without durable storage and for tests. After a restart only the
// time base is left, so that instance ids go on increasing.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "edgesync/sdk/store.h"
#include "memory_blobs.h"
#include "state.h"
#include "time_base.h"
#include "writes.h"

namespace edgesync::memory {

/// Readers run on the State that was published last, whatever the writer does meanwhile; one thread runs all write closures in
/// the order of their submission. Thread-safe as store.h says.
class MemoryStore : public Store {
public:
    MemoryStore();
    ~MemoryStore() override;

    std::vector<SettingDeclaration> declare_settings() const override;
    void configure(const Settings& settings, Log& log) override;
    StoreTraits traits() const noexcept override;
    void open() override;
    void close() noexcept override;
    void read(const std::function<void(ReadTransaction&)>& f) override;
    void submit(std::function<void(WriteTransaction&)> f, std::function<void(std::exception_ptr)> done) override;
    BlobStore& blobs() override { return blobs_; }
    StoreHealth health() const override;
    void wipe() override;

private:
    struct Job {
        std::function<void(WriteTransaction&)> f;
        std::function<void(std::exception_ptr)> done;
    };

    void run_writer();
    std::exception_ptr run(const Job& job) noexcept;
    void cover_issued();
    std::shared_ptr<const State> published() const;
    void publish(std::shared_ptr<const State> next);

    std::shared_ptr<MemoryBudget> budget_;
    MemoryBlobs blobs_;
    Log* log_ = nullptr;
    std::optional<TimeBase> time_base_;  ///< Writer thread only, once open.
    InstanceId last_issued_ = 0;         ///< Writer thread only, once open.
    Edit last_edit_ = 0;                 ///< Writer thread only.

    mutable std::mutex state_mutex_;
    std::shared_ptr<const State> state_;

    std::mutex queue_mutex_;
    std::condition_variable queue_changed_;
    std::deque<Job> queue_;
    bool is_running_ = false;
    bool is_closing_ = false;
    std::thread writer_;

    mutable std::mutex health_mutex_;
    StoreHealth health_;
};

}  // namespace edgesync::memory
