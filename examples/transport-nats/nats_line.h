// A connection with a NATS server, made again whenever it ends.
#pragma once

#include <nats/nats.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "edgesync/sdk/transport.h"
#include "server_options.h"

namespace transport_nats {

using namespace edgesync;

struct Subscription {
    std::string filter;
    std::function<void(std::string_view subject, std::string_view payload)> take;  ///< On a thread of its own; may block.
};

/// Thread-safe. libnats could reconnect by itself, but gives up after two refusals, and keeps what is sent meanwhile for later; here what
/// cannot be sent now fails, and the kernel repeats it.
class NatsLine {
    using Clock = std::chrono::steady_clock;
    using Connection = std::shared_ptr<natsConnection>;

public:
    ~NatsLine() { end(); }

    /// From now on there is a connection whenever that is possible. `queue_group`: of the receivers of which each message reaches one
    /// alone; empty: all of them get it.
    void begin(Server server, std::vector<Subscription> subscriptions, std::string queue_group, TransportHost& host) {
        server_ = std::move(server);
        subscriptions_ = std::move(subscriptions);
        queue_group_ = std::move(queue_group);
        host_ = &host;
        const auto closed = [](natsConnection*, void* self) { static_cast<NatsLine*>(self)->one_ended(true); };
        natsOptions_SetClosedCB(server_.options.get(), closed, this);
        natsOptions_SetErrorHandler(server_.options.get(), on_error, this);
        thread_ = std::thread([this] { keep_connected(); });
    }
    /// Afterwards nothing is called any more.
    void end() {
        {
            const std::lock_guard lock(mutex_);
            is_stopped_ = true;
        }
        changed_.notify_all();
        if (thread_.joinable()) thread_.join();
    }

    /// Returns within the write deadline. @throws Error{NotConnected, Timeout, InvalidRequest}
    void publish(const std::string& subject, const std::string& payload) {
        // libnats would let one after the other wait for a line that is stuck; who waits here sees that the first one gave it up.
        const std::lock_guard turn(turn_);
        std::unique_lock lock(mutex_);
        const Connection connection = connection_;
        lock.unlock();
        if (!connection) throw Error(ErrorKind::NotConnected, "There is no connection with the NATS server");
        const std::int64_t most = natsConnection_GetMaxPayload(connection.get());
        if (std::cmp_greater(payload.size(), most))
            throw Error(ErrorKind::InvalidRequest, "A message has at most " + std::to_string(most) + " octets at this NATS server");
        const auto status = natsConnection_Publish(connection.get(), subject.c_str(), payload.data(), static_cast<int>(payload.size()));
        if (status == NATS_OK) return;
        lock.lock();
        ++health_.publish_failures;
        publish_failed_ = Clock::now();
        connection_.reset();  // A part of the message may be on its way: nothing may follow it.
        changed_.notify_all();
        throw Error(status == NATS_TIMEOUT ? ErrorKind::Timeout : ErrorKind::NotConnected, natsStatus_GetText(status));
    }
    /// 0: not known yet.
    std::int64_t largest_message() const { return largest_; }

    LineHealth health() const {
        const std::lock_guard lock(mutex_);
        LineHealth health = health_;
        const auto since = [now = Clock::now()](Clock::time_point then) { return std::chrono::ceil<std::chrono::seconds>(now - then); };
        if (!health.is_connected) health.disconnected_for = since(lost_);
        if (health.subscribe_failures > 0) health.since_subscribe_failure = since(subscribe_failed_);
        if (health.publish_failures > 0) health.since_publish_failure = since(publish_failed_);
        return health;
    }

private:
    static constexpr std::chrono::milliseconds kFirstPause{200};
    static constexpr std::chrono::milliseconds kLongestPause{15'000};

    void keep_connected() {
        std::minstd_rand random(std::random_device{}());
        auto pause = kFirstPause;
        std::unique_lock lock(mutex_);
        while (!is_stopped_) {
            is_closed_ = false;
            running_ = 1;
            lock.unlock();
            const bool was_connected = serve_one_connection();
            lock.lock();
            pause = was_connected ? kFirstPause : std::min(2 * pause, kLongestPause);
            // Not all nodes of a server that was away return at the same moment.
            const std::chrono::milliseconds spread(random() % static_cast<unsigned long>(pause.count()));
            changed_.wait_for(lock, pause / 2 + spread, [this] { return is_stopped_; });
        }
    }

    /// Returns when it has ended, and all its callbacks. False: there was none, or none that works.
    bool serve_one_connection() {
        natsConnection* made = nullptr;
        if (const auto status = natsConnection_Connect(&made, server_.options.get()); status != NATS_OK) {
            note_problem(status, nats_GetLastError(nullptr));
            return false;
        }
        const Connection connection(made, natsConnection_Destroy);
        largest_ = natsConnection_GetMaxPayload(made);
        std::vector<std::shared_ptr<natsSubscription>> all;
        for (auto& one : subscriptions_) all.push_back(subscribe(made, one));
        auto status = natsConnection_FlushTimeout(made, 3000);  // The server has them: nothing that a peer answers is missed.
        const char* text = nullptr;
        if (natsConnection_GetLastError(made, &text) == NATS_NOT_PERMITTED) status = NATS_NOT_PERMITTED;
        if (std::count(all.begin(), all.end(), nullptr) > 0) status = NATS_INVALID_SUBSCRIPTION;
        std::unique_lock lock(mutex_);
        if (status == NATS_OK) {
            connection_ = connection;
            health_.is_connected = true;
            health_.problem.clear();
            lock.unlock();
            host_->log().log(LogLevel::Info, "Connected with the NATS server " + server_.name);
            host_->line_changed(true);
            lock.lock();
            changed_.wait(lock, [this] { return is_stopped_ || is_closed_ || !connection_; });
            connection_.reset();
            health_.is_connected = false;
            lost_ = Clock::now();
        }
        const bool is_lost = !is_stopped_;
        lock.unlock();
        natsConnection_Close(made);
        if (is_lost) note_problem(status, status == NATS_OK ? "the connection was lost" : text);
        if (is_lost && status == NATS_OK) host_->line_changed(false);
        lock.lock();
        changed_.wait(lock, [this] { return running_ == 0; });
        return status == NATS_OK;
    }

    /// Null: the connection has ended already.
    std::shared_ptr<natsSubscription> subscribe(natsConnection* connection, Subscription& one) {
        const auto take = [](natsConnection*, natsSubscription*, natsMsg* message, void* closure) {
            const std::string_view payload(natsMsg_GetData(message), static_cast<std::size_t>(natsMsg_GetDataLength(message)));
            static_cast<Subscription*>(closure)->take(natsMsg_GetSubject(message), payload);
            natsMsg_Destroy(message);
        };
        natsSubscription* made = nullptr;
        if (queue_group_.empty())
            natsConnection_Subscribe(&made, connection, one.filter.c_str(), take, &one);
        else
            natsConnection_QueueSubscribe(&made, connection, one.filter.c_str(), queue_group_.c_str(), take, &one);
        std::shared_ptr<natsSubscription> subscription(made, natsSubscription_Destroy);
        const auto ended = [](void* self) { static_cast<NatsLine*>(self)->one_ended(false); };
        const std::lock_guard lock(mutex_);
        if (natsSubscription_SetOnCompleteCB(made, ended, this) != NATS_OK) return nullptr;
        ++running_;
        natsSubscription_SetPendingLimits(made, 65'536, 64 * 1024 * 1024);  // What does not fit is lost, and the kernel repeats it.
        return subscription;
    }

    /// What the server refuses without ending the connection, and messages that are lost because they are taken too slowly.
    static void on_error(natsConnection* connection, natsSubscription*, natsStatus status, void* self) {
        const char* text = nullptr;
        natsConnection_GetLastError(connection, &text);
        auto& line = *static_cast<NatsLine*>(self);
        line.note_problem(status, text);
        const bool is_of_publish = text != nullptr && std::string_view(text).find("Publish") != std::string_view::npos;
        const std::lock_guard lock(line.mutex_);
        ++(is_of_publish ? line.health_.publish_failures : line.health_.subscribe_failures);
        (is_of_publish ? line.publish_failed_ : line.subscribe_failed_) = Clock::now();
    }
    void note_problem(natsStatus status, const char* text) {
        std::string problem = text != nullptr && *text != '\0' ? text : natsStatus_GetText(status);
        if (problem.starts_with('(')) problem.erase(0, problem.find(' ') + 1);  // "(FILE:LINE): ", of libnats.
        problem = "NATS server " + server_.name + ": " + problem;
        const std::lock_guard lock(mutex_);
        if (health_.problem != problem) host_->log().log(LogLevel::Error, problem);
        health_.problem = problem;
    }
    void one_ended(bool is_connection) {
        const std::lock_guard lock(mutex_);
        --running_;
        if (is_connection) is_closed_ = true;
        changed_.notify_all();
    }

    Server server_;
    std::vector<Subscription> subscriptions_;
    std::string queue_group_;
    TransportHost* host_ = nullptr;
    std::atomic<std::int64_t> largest_{0};
    std::mutex turn_;           // Of those that publish; taken before the next one.
    mutable std::mutex mutex_;  // Guards what follows.
    std::condition_variable changed_;
    Connection connection_;
    LineHealth health_;
    Clock::time_point lost_ = Clock::now();
    Clock::time_point subscribe_failed_;
    Clock::time_point publish_failed_;
    int running_ = 0;  ///< The connection and its subscriptions, as long as their threads may call.
    bool is_closed_ = false;
    bool is_stopped_ = false;
    std::thread thread_;
};

}  // namespace transport_nats
