// One connection, from the attempt to its end, on a Paho client of its own: nothing of an old connection can reach a new one. The only
// part that includes the library.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "session_options.h"

namespace edgesync::mqtt_session {

enum class ProtocolVersion { V31 = 3, V311 = 4, V5 = 5 };

const char* to_string(ProtocolVersion version);

/// What the broker said when it accepted the connection.
struct BrokerFacts {
    std::size_t largest_packet = 0;  ///< 0: it did not say.
    bool has_shared_subscriptions = true;
};

struct ConnectFailure {
    enum class Kind {
        Refused,       ///< Answered with `code`: the broker does not want this client.
        Busy,          ///< Answered with `code`: not now.
        WrongVersion,  ///< Answered that it does not speak this version.
        Closed,        ///< Closed the connection instead of answering: it may speak an older version.
        Unreachable,
    };
    Kind kind = Kind::Unreachable;
    std::string reason;
};

/// Called by Paho's threads, which all connections of the process share, one call at a time, with Paho's lock held: must not call the
/// connection, throw, or wait for anything that calls Paho.
class ConnectionObserver {
public:
    virtual ~ConnectionObserver() = default;
    virtual void connect_succeeded(const BrokerFacts& facts) = 0;
    virtual void connect_failed(const ConnectFailure& failure) = 0;
    virtual void connection_lost(const std::string& reason) = 0;
    virtual void message_arrived(const std::string& topic, std::shared_ptr<const std::string> payload) = 0;
    /// `codes`: the broker's answer per filter of `subscribe`; 0x80 and above: refused.
    virtual void subscribe_answered(const std::vector<int>& codes) = 0;
    virtual void subscribe_failed(const std::string& reason) = 0;
    /// A message of `octets` was written to the socket, or will not be. In the order of `send`.
    virtual void send_finished(std::size_t octets, bool is_written) = 0;
};

/// Its calls only put something into Paho's queue. Thread-safe, except that it is destroyed when nobody uses it any more.
class Connection {
public:
    /// `uri` as Paho wants it. Connects nothing yet. @throws Error{InvalidRequest}
    Connection(const SessionOptions& options, const std::string& uri, ProtocolVersion version, ConnectionObserver& observer);
    /// Disconnects at once. No call to the observer after it has returned.
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    /// Once. @throws Error{NotConnected}
    void connect();
    /// All in one packet. @throws Error{NotConnected}
    void subscribe(const std::vector<std::string>& filters);
    void unsubscribe(const std::vector<std::string>& filters);
    /// @throws Error{NotConnected}, Error{InvalidRequest} for a topic that is not UTF-8; then `send_finished` is not called.
    void send(const std::string& topic, std::string payload);

private:
    class Client;
    std::unique_ptr<Client> client_;
};

}  // namespace edgesync::mqtt_session
