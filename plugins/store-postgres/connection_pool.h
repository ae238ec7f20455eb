// The connections to the database: bounded in number, made when they are needed, dropped when the server goes away.
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "connection.h"
#include "edgesync/sdk/object.h"

namespace edgesync::postgres {

struct PoolOptions {
    ServerOptions server;
    std::string session;                         ///< What every new connection runs first.
    std::size_t size = 8;                        ///< Connections.
    std::chrono::milliseconds first_pause{100};  ///< After a failed attempt to connect; doubled at each further one, half of it at random.
    std::chrono::milliseconds longest_pause{5000};
    std::chrono::milliseconds patience{10000};  ///< How long one waits for a connection that is in use.
};

/// Thread-safe.
class ConnectionPool {
public:
    /// A connection for the time of one transaction. One that broke is dropped.
    class Lease {
    public:
        Lease(ConnectionPool& pool, std::unique_ptr<Connection> connection) : pool_(&pool), connection_(std::move(connection)) {}
        ~Lease();
        Lease(Lease&& other) noexcept = default;
        Lease& operator=(Lease&&) = delete;
        Connection& operator*() const { return *connection_; }
        Connection* operator->() const { return connection_.get(); }

    private:
        ConnectionPool* pool_;
        std::unique_ptr<Connection> connection_;
    };

    explicit ConnectionPool(PoolOptions options);
    ~ConnectionPool() { close(); }
    ConnectionPool(const ConnectionPool&) = delete;
    ConnectionPool& operator=(const ConnectionPool&) = delete;

    /// Blocks while all connections are in use, as long as its patience at most. Once an attempt to connect has failed it fails at once,
    /// except for one attempt per pause. @throws Error{Busy}, Error{NotConnected}, Refused
    Lease take();
    /// Drops the connections that are not in use. The pool may be used again.
    void close() noexcept;

    bool is_connected() const;
    /// One sentence; empty when connected.
    std::string problem() const;

private:
    using Clock = std::chrono::steady_clock;

    void give_back(std::unique_ptr<Connection> connection) noexcept;
    std::unique_ptr<Connection> connect(Clock::time_point began);
    void note_loss();
    void note_failed_attempt(const std::string& problem, Clock::time_point began);

    const PoolOptions options_;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::unique_ptr<Connection>> idle_;
    std::size_t in_use_ = 0;
    std::string problem_;
    std::chrono::milliseconds pause_;
    Clock::time_point next_attempt_{};
    std::optional<Clock::time_point> failed_at_;  ///< The last attempt to connect, if it failed.
    std::minstd_rand random_;
};

}  // namespace edgesync::postgres
