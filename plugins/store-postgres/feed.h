// What the instances that share the database tell each other, and the database's clock. The table `feed` is the truth; a NOTIFY only
// says that there is something new in it, and is sent apart from the transactions, because it would make their commits wait for each other.
#pragma once

#include <sys/eventfd.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "connection.h"
#include "edgesync/sdk/log.h"
#include "edgesync/sdk/store.h"

namespace edgesync::postgres {

struct FeedOptions {
    ServerOptions server;
    std::string session;      ///< What the connection runs first.
    std::string channel;      ///< Of the notifications.
    std::int64_t origin = 0;  ///< Of this instance; it does not hear its own messages.
    std::chrono::milliseconds first_pause{100};
};

/// The time at the database, kept by this host's steady clock since it was last asked. Thread-safe.
class DatabaseClock {
public:
    /// The database's time was `there` at the moment `here`.
    void set(TimePoint there, std::chrono::steady_clock::time_point here);
    /// This host's clock until `set`.
    TimePoint now() const;

private:
    std::atomic<std::int64_t> offset_{0};  ///< Nanoseconds; of the steady clock. 0: unknown.
};

/// One thread and one connection of its own between construction and destruction. Connects again by itself. Thread-safe.
class Feed {
public:
    /// Connects. @throws as Connection
    Feed(FeedOptions options, DatabaseClock& clock, Log& log);
    ~Feed();
    Feed(const Feed&) = delete;
    Feed& operator=(const Feed&) = delete;

    /// See Store::listen.
    void listen(Store::Hear hear);
    /// A transaction of this instance that has messages was committed.
    void told();
    /// Nobody knows whether a transaction of this instance was committed: then nobody here did what follows from it.
    void in_doubt();
    std::int64_t origin() const { return options_.origin; }

private:
    void run();
    void connect();
    void rest(std::chrono::milliseconds pause);
    void follow();
    void hear_news();
    void say_last() noexcept;
    std::string notification() const;
    void ask_time();
    void say(const std::optional<std::string>& message) const;
    bool is_closing() const;

    const FeedOptions options_;
    DatabaseClock& clock_;
    Log& log_;
    const int wake_fd_;
    std::unique_ptr<Connection> connection_;
    std::string snapshot_;      ///< What was visible when the table was last read.
    std::int64_t read_at_ = 0;  ///< When that was, by the database's clock; milliseconds.
    std::chrono::steady_clock::time_point asked_time_at_{};
    std::chrono::steady_clock::time_point hears_itself_until_{};  ///< What was in doubt may become visible later.
    std::atomic<bool> has_told_{false};
    std::atomic<bool> is_in_doubt_{false};
    mutable std::mutex mutex_;
    std::condition_variable wake_;
    Store::Hear hear_;
    bool is_closing_ = false;
    std::thread thread_;
};

}  // namespace edgesync::postgres
