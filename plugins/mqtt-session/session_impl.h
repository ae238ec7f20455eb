// The inside of a Session: one thread that connects, subscribes, calls the listener and waits; everybody else only leaves word for it.
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <thread>

#include "back_off.h"
#include "broker_socket.h"
#include "broker_uri.h"
#include "connection.h"
#include "handshake_guard.h"
#include "packet_limit.h"
#include "received_queue.h"
#include "session.h"

namespace edgesync::mqtt_session {

class Session::Impl final : private ConnectionObserver {
public:
    Impl(SessionOptions options, SessionListener& listener, Log& log);
    ~Impl() override { stop(); }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    void start();
    FirstAttempt wait_first_attempt(std::chrono::milliseconds timeout) const;
    void set_filters(std::vector<std::string> filters);
    void reconnect(const std::string& reason);
    void publish(const std::string& topic, std::string payload, std::size_t most_waiting);
    bool is_connected() const;
    std::size_t largest_packet() const;
    bool has_shared_subscriptions() const;
    SessionHealth health() const;
    void stop() noexcept;

private:
    using Clock = std::chrono::steady_clock;
    using Lock = std::unique_lock<std::mutex>;
    using Filters = std::vector<std::string>;

    /// Why a connection that was made is given up.
    struct End {
        bool by_peer = false;  ///< The broker or the network ended it.
        std::string reason;
    };
    /// What Paho's threads have left about the present connection.
    struct News {
        std::optional<BrokerFacts> accepted;
        std::optional<ConnectFailure> failed;
        std::optional<std::string> lost;
        std::optional<std::vector<int>> subscribe_codes;
        std::optional<std::string> subscribe_problem;
    };

    // ConnectionObserver: Paho's threads.
    void connect_succeeded(const BrokerFacts& facts) override;
    void connect_failed(const ConnectFailure& failure) override;
    void connection_lost(const std::string& reason) override;
    void message_arrived(const std::string& topic, std::shared_ptr<const std::string> payload) override;
    void subscribe_answered(const std::vector<int>& codes) override;
    void subscribe_failed(const std::string& reason) override;
    void send_finished(std::size_t octets, bool is_written) override;

    // The session's thread: connecting (session_connect.cc).
    void run();
    bool connect();
    std::optional<ConnectFailure> connect_to(const BrokerUri& uri);
    std::vector<std::string> targets_of(const BrokerUri& uri) const;
    std::optional<ConnectFailure> connect_with(const BrokerUri& uri, const std::string& target, ProtocolVersion version);
    ConnectFailure wait_for_answer();
    void note_attempt(const std::optional<ConnectFailure>& failure);
    void drop_connection();
    void pause();
    bool is_stopping() const;

    // The session's thread: a connection's life (session_serve.cc). The lock is held where it is a parameter, except during calls outside.
    void serve();
    End live(bool& was_ready);
    std::optional<End> take_answer(Lock& lock);
    std::optional<End> send_filters(Lock& lock);
    std::optional<End> refuse(Lock& lock, const Filters& filters, const std::string& reason);
    void become_ready(Lock& lock);
    bool deliver(Lock& lock);
    void finish(const End& end, bool was_ready);
    template <typename F>
    void call_listener(const char* name, F&& call);

    /// With the lock held: lets the thread look again, also if it is not waiting right now.
    void wake();

    // Publishing (session.cc).
    bool has_room(std::size_t octets, std::size_t most_waiting) const;
    void take_room(Lock& lock, const std::string& topic, std::size_t octets, std::size_t most_waiting);
    void give_room(std::size_t octets);
    [[noreturn]] void fail_publish(ErrorKind kind, const std::string& problem);

    const SessionOptions options_;
    SessionListener& listener_;
    Log& log_;
    std::vector<BrokerUri> uris_;
    std::vector<ProtocolVersion> versions_;
    std::shared_ptr<const BrokerTrust> trust_;  ///< Null: no URI is for TLS.

    std::thread thread_;
    std::mutex stop_mutex_;
    BackOff back_off_;             ///< Only the thread.
    std::minstd_rand random_;      ///< Only the thread.
    bool is_outage_told_ = false;  ///< Only the thread.
    BrokerSocket socket_;          ///< Only the thread.
    ReceivedQueue received_;

    mutable std::mutex mutex_;
    std::condition_variable wake_;           ///< The thread.
    bool is_woken_ = false;                  ///< Something happened since it last began to look.
    std::condition_variable room_;           ///< Publishers.
    mutable std::condition_variable first_;  ///< Who waits for the first attempt.
    bool is_stopping_ = false;
    FirstAttempt first_attempt_;
    std::unique_ptr<Connection> connection_;  ///< Changed only by the thread, and not while it has users.
    int users_ = 0;
    News news_;
    bool is_ready_ = false;
    std::optional<std::string> reconnect_;
    std::size_t first_version_ = 0;  ///< Of `versions_`: the one that the broker spoke last.
    ProtocolVersion version_ = ProtocolVersion::V311;
    bool has_shared_ = true;

    std::set<std::string> wanted_;
    std::set<std::string> granted_;
    Filters pending_;
    Clock::time_point answer_deadline_{};

    std::size_t sending_octets_ = 0;
    std::size_t sending_messages_ = 0;
    PacketLimit limit_;

    SessionHealth counts_;  ///< Without what is computed from the times below.
    Clock::time_point outage_begin_{};
    Clock::time_point ready_since_{};
    std::optional<Clock::time_point> subscribe_error_;
    std::optional<Clock::time_point> publish_error_;
};

}  // namespace edgesync::mqtt_session
