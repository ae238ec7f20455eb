#include "memory_store.h"

namespace edgesync::memory {
namespace {

constexpr char kMaxMegabytes[] = "MemoryStoreMaxMB";
constexpr std::size_t kMostWaiting = 10000;

TimePoint current_time() { return std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now()); }

}  // namespace

MemoryStore::MemoryStore() : budget_(std::make_shared<MemoryBudget>()), blobs_(budget_), state_(std::make_shared<const State>()) {}

MemoryStore::~MemoryStore() { close(); }

std::vector<SettingDeclaration> MemoryStore::declare_settings() const {
    SettingDeclaration limit;
    limit.key = kMaxMegabytes;
    limit.environment = "MEMORY_STORE_MAX_MB";
    limit.type = SettingDeclaration::Type::Integer;
    limit.default_value = std::string("0");
    limit.help = "Largest total of records and data that the in-memory store keeps, in MiB; 0: no limit.";
    limit.minimum = 0;
    limit.maximum = 1 << 24;
    return {limit};
}

void MemoryStore::configure(const Settings& settings, Log& log) {
    budget_->set_limit(settings.integer(kMaxMegabytes) << 20);
    time_base_.emplace(settings.persistence_root());
    log_ = &log;
}

StoreTraits MemoryStore::traits() const noexcept {
    StoreTraits traits;
    traits.inline_limit = kInlineLimitBytes;
    return traits;
}

void MemoryStore::open() {
    last_issued_ = time_base_->last_issued();
    const std::lock_guard lock(queue_mutex_);
    is_running_ = true;
    writer_ = std::thread([this] { run_writer(); });
}

void MemoryStore::close() noexcept {
    {
        const std::lock_guard lock(queue_mutex_);
        is_closing_ = true;
    }
    queue_changed_.notify_all();
    if (writer_.joinable()) writer_.join();
}

void MemoryStore::read(const std::function<void(ReadTransaction&)>& f) {
    const auto snapshot = published();
    Reads<ReadTransaction> transaction(*snapshot, blobs_);
    f(transaction);
}

void MemoryStore::submit(std::function<void(WriteTransaction&)> f, std::function<void(std::exception_ptr)> done) {
    {
        const std::lock_guard lock(queue_mutex_);
        if (!is_running_) throw Error(ErrorKind::NotConnected, "the memory store is not open");
        if (queue_.size() >= kMostWaiting) {
            throw Error(ErrorKind::Busy, std::to_string(kMostWaiting) + " transactions wait for the memory store already");
        }
        queue_.push_back({std::move(f), std::move(done)});
        // Under the lock: who is told that it is done may close the store, and this thread must be through by then.
        queue_changed_.notify_one();
    }
}

// A `done` may submit while the store closes, so the thread ends only when nothing is left.
void MemoryStore::run_writer() {
    for (;;) {
        Job job;
        {
            std::unique_lock lock(queue_mutex_);
            queue_changed_.wait(lock, [&] { return is_closing_ || !queue_.empty(); });
            if (queue_.empty()) {
                is_running_ = false;
                return;
            }
            job = std::move(queue_.front());
            queue_.pop_front();
        }
        const std::exception_ptr failure = run(job);
        try {
            job.done(failure);
        } catch (const std::exception& e) {
            log_->log(LogLevel::Error, std::string("the completion of a transaction threw: ") + e.what());
        } catch (...) {
            log_->log(LogLevel::Error, "the completion of a transaction threw");
        }
    }
}

std::exception_ptr MemoryStore::run(const Job& job) noexcept {
    try {
        const auto before = published();
        Writes transaction(*before, ++last_edit_, blobs_, *budget_, last_issued_);
        job.f(transaction);
        if (transaction.has_issued()) cover_issued();
        publish(transaction.finish());
        for (const BlobId& id : transaction.unstaged()) blobs_.discard(id);
        return nullptr;
    } catch (...) {
        return std::current_exception();
    }
}

void MemoryStore::cover_issued() {
    try {
        time_base_->cover(last_issued_);
    } catch (const Error& e) {
        const std::lock_guard lock(health_mutex_);
        ++health_.write_failures;
        health_.last_failure = current_time();
        health_.problem = e.what();
        throw;
    }
    const std::lock_guard lock(health_mutex_);
    health_.problem.clear();
}

std::shared_ptr<const State> MemoryStore::published() const {
    const std::lock_guard lock(state_mutex_);
    return state_;
}

void MemoryStore::publish(std::shared_ptr<const State> next) {
    // The previous state is left in `next` and so freed after the lock, which readers need.
    const std::lock_guard lock(state_mutex_);
    state_.swap(next);
}

StoreHealth MemoryStore::health() const {
    const std::lock_guard lock(health_mutex_);
    return health_;
}

// Instance ids stay above the issued ones: peers may still know the objects that had them.
void MemoryStore::wipe() {
    budget_->give_back(published()->record_bytes);
    publish(std::make_shared<const State>());
    blobs_.clear();
}

}  // namespace edgesync::memory
