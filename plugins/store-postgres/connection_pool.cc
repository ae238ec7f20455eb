#include "connection_pool.h"

#include <algorithm>

namespace edgesync::postgres {

ConnectionPool::Lease::~Lease() {
    if (connection_) pool_->give_back(std::move(connection_));
}

ConnectionPool::ConnectionPool(PoolOptions options)
    : options_(std::move(options)), pause_(options_.first_pause), random_(std::random_device{}()) {}

ConnectionPool::Lease ConnectionPool::take() {
    Clock::time_point now;
    {
        std::unique_lock lock(mutex_);
        if (!changed_.wait_for(lock, options_.patience, [&] { return in_use_ < options_.size; }))
            throw Error(ErrorKind::Busy,
                        "All " + std::to_string(options_.size) + " connections to the database (PostgresPoolSize) are in use");
        if (!idle_.empty()) {
            auto connection = std::move(idle_.back());
            idle_.pop_back();
            ++in_use_;
            return {*this, std::move(connection)};
        }
        now = Clock::now();
        if (failed_at_ && now < next_attempt_) throw Error(ErrorKind::NotConnected, problem_);
        // If the one before failed, who comes while this one lasts is refused, instead of waiting for the same time-out.
        next_attempt_ = now + options_.patience;
        ++in_use_;
    }
    return {*this, connect(now)};
}

std::unique_ptr<Connection> ConnectionPool::connect(Clock::time_point began) {
    try {
        auto connection = std::make_unique<Connection>(options_.server);
        connection->run(options_.session);
        const std::lock_guard lock(mutex_);
        problem_.clear();
        failed_at_.reset();
        pause_ = options_.first_pause;
        return connection;
    } catch (const std::exception& e) {
        note_failed_attempt(e.what(), began);
        throw;
    }
}

void ConnectionPool::note_loss() {
    std::vector<std::unique_ptr<Connection>> former;
    const std::lock_guard lock(mutex_);
    problem_ = "The connection to the database was lost";
    // What lies idle was made before the failure and is most likely broken too; it is closed after the lock.
    former.swap(idle_);
}

void ConnectionPool::note_failed_attempt(const std::string& problem, Clock::time_point began) {
    const std::lock_guard lock(mutex_);
    problem_ = problem;
    --in_use_;
    changed_.notify_one();
    // Several that began together count once.
    if (failed_at_ && began <= *failed_at_) return;
    failed_at_ = Clock::now();
    const auto jitter = std::chrono::milliseconds(random_() % static_cast<std::uint64_t>(pause_.count() / 2 + 1));
    next_attempt_ = *failed_at_ + pause_ + jitter;
    pause_ = std::min(pause_ * 2, std::max(options_.first_pause, options_.longest_pause));
}

void ConnectionPool::give_back(std::unique_ptr<Connection> connection) noexcept {
    const bool is_usable = connection->is_usable();
    if (!is_usable) {
        connection.reset();
        note_loss();
    }
    const std::lock_guard lock(mutex_);
    --in_use_;
    if (is_usable) idle_.push_back(std::move(connection));
    changed_.notify_one();
}

void ConnectionPool::close() noexcept {
    std::vector<std::unique_ptr<Connection>> idle;
    {
        const std::lock_guard lock(mutex_);
        idle.swap(idle_);
    }
}

bool ConnectionPool::is_connected() const {
    const std::lock_guard lock(mutex_);
    return problem_.empty();
}

std::string ConnectionPool::problem() const {
    const std::lock_guard lock(mutex_);
    return problem_;
}

}  // namespace edgesync::postgres
