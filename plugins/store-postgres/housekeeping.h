// What a running instance does in the background: shows that it lives, gets a lost connection back, removes what is left over.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <set>
#include <thread>

#include "blobs.h"

namespace edgesync::postgres {

/// The lock in the database that shows that the run of the service which staged some octets is still there. Held by a connection of its
/// own, so that it ends with the process. One thread.
class Presence {
public:
    Presence(ServerOptions server, std::string session, std::int64_t owner)
        : server_(std::move(server)), session_(std::move(session)), owner_(owner) {}
    ~Presence();
    /// Asks the server for a sign of life; connects again if need be. @throws as Connection
    void hold();
    /// Since the server was asked and has not answered yet; 0 while it is not asked. Any thread.
    std::chrono::milliseconds silence() const;
    /// Dooms the staged octets without a record of runs that are over.
    void doom_orphans(bool at_once);

private:
    const ServerOptions server_;
    const std::string session_;
    const std::int64_t owner_;
    std::unique_ptr<Connection> connection_;
    std::atomic<std::int64_t> asked_at_{0};  ///< By the steady clock, ms; 0: the server has answered.
    std::set<std::string> absent_;           ///< Owners whose lock was free when it was looked at last.
};

/// One thread of its own between construction and destruction.
class Housekeeping {
public:
    Housekeeping(ConnectionPool& pool, Blobs& blobs, std::unique_ptr<Presence> presence);
    ~Housekeeping();
    Housekeeping(const Housekeeping&) = delete;
    Housekeeping& operator=(const Housekeeping&) = delete;
    /// Whether the server has not answered for so long that it counts as away. Any thread.
    bool is_silent() const;

private:
    void run();
    bool show_life() noexcept;
    void work(int period, bool lives);
    void clean();
    void trim_feed();

    ConnectionPool& pool_;
    Blobs& blobs_;
    const std::unique_ptr<Presence> presence_;
    std::mutex mutex_;
    std::condition_variable wake_;
    bool is_closing_ = false;
    /// Where the feed ended.
    struct FeedEnd {
        std::int64_t id = 0;
        std::string snapshot;
    };
    std::deque<FeedEnd> feed_ends_;  ///< At the latest cleanings.
    std::thread thread_;
};

/// How long the octets of an erased blob stay for those who are reading them in another instance.
inline constexpr std::chrono::seconds kSweepGrace{600};

}  // namespace edgesync::postgres
