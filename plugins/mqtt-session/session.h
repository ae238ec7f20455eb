// One connection to one MQTT broker, kept up for as long as the session lives: QoS 0, clean session, nothing retained. The plugins
// transport-mqtt and transport-wiotp put their exchange on top of it.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "edgesync/sdk/log.h"
#include "session_options.h"

namespace edgesync::mqtt_session {

/// All calls come from the session's own thread, one at a time, in the order in which things happened. They may block and may call the
/// session (not `stop`, not its destructor). While one blocks, the connection stays alive (keep-alive is answered by other threads) and
/// `publish` works, also from within; what arrives waits, see `SessionOptions::received_bytes`; a lost connection is made again only after
/// it has returned. Must not throw: what it throws is logged.
class SessionListener {
public:
    virtual ~SessionListener() = default;
    /// Connected, and the broker has granted all filters. Comes before messages of this connection.
    virtual void on_connected() = 0;
    /// In the order of arrival. The octets are never changed; keep the pointer for as long as they are needed.
    virtual void on_message(const std::string& topic, std::shared_ptr<const std::string> payload) = 0;
    /// The connection of the last `on_connected` is gone; not called for a stop. `reason` is for the log.
    virtual void on_lost(const std::string& reason) = 0;
    /// The broker refuses these filters. Filters that a call of `set_filters` from within replaces are done with (so "$share/..." can fall
    /// back to the plain form); for those that are still wanted the session disconnects and tries again with growing pauses.
    virtual void on_refused(const std::vector<std::string>& filters) { (void)filters; }
};

/// How the first attempt to connect ended.
struct FirstAttempt {
    enum class Outcome {
        Connected,
        Refused,  ///< The broker answered and does not want this client: credentials, client id, version. It is tried again all the same.
        Unreachable,  ///< No answer, no such host, no trust, or the broker is busy: it is tried again, endlessly.
        Pending,      ///< There is no result yet.
    };
    Outcome outcome = Outcome::Pending;
    std::string reason;  ///< Of Refused and Unreachable.
};

struct SessionHealth {
    bool is_connected = false;  ///< Also subscribed.
    std::string last_error;     ///< Of the connection; empty: there was none.
    std::uint64_t subscribe_failures = 0;
    std::uint64_t publish_failures = 0;  ///< Calls of `publish` that threw, and messages that were lost on their way to the socket.
    std::uint64_t lost_messages = 0;     ///< Arrived and thrown away because the listener was too slow.
    std::chrono::milliseconds last_disconnect{0};        ///< How long the last outage took, or the present one takes so far; 0: never.
    std::chrono::milliseconds since_subscribe_error{0};  ///< 0: never.
    std::chrono::milliseconds since_publish_error{0};    ///< 0: never.
};

/// Thread-safe.
class Session {
public:
    /// Connects nothing yet. `listener` and `log` outlive the session.
    /// @throws Error{InvalidRequest} for an unusable URI, CA, client certificate or key.
    Session(SessionOptions options, SessionListener& listener, Log& log);
    /// As `stop`.
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    /// Starts the thread that connects and stays at it; returns at once. Once.
    void start();
    /// Waits until the first attempt (all URIs) has ended or `timeout` has passed.
    FirstAttempt wait_first_attempt(std::chrono::milliseconds timeout) const;

    /// The complete set of topic filters, in any order; before `start` or at any time. When connected, what is new is subscribed and what
    /// is no longer wanted unsubscribed at once; without a connection, with the next one. Returns at once.
    void set_filters(std::vector<std::string> filters);
    /// Ends the connection, if there is one, and makes it again after a pause.
    void reconnect(const std::string& reason);

    /// QoS 0, not retained. Returns when the message has been handed over for sending; waits for room up to `publish_wait`. There is room
    /// if at most `most_waiting` octets wait to be written already, and with it not more than the options say; or if it would be alone.
    /// @throws Error{NotConnected}; Error{Timeout}; Error{InvalidRequest} if the broker is known not to take a message as large as this.
    void publish(const std::string& topic, std::string payload, std::size_t most_waiting = SIZE_MAX);

    bool is_connected() const;
    /// The largest packet, in octets, that the broker takes, header and topic included; 0: unknown. Announced by the broker (MQTT 5) or
    /// learned, see packet_limit.h.
    std::size_t largest_packet() const;
    /// False once a broker has said (MQTT 5) or shown by refusing one that it has no "$share/..." filters.
    bool has_shared_subscriptions() const;
    SessionHealth health() const;

    /// Disconnects at once and joins; what was not sent yet may be lost. No call to the listener after it has returned. Idempotent.
    void stop() noexcept;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace edgesync::mqtt_session
