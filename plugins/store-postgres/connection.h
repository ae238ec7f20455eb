// One connection to the database, and what its failures mean to us. The only place that knows libpqxx.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <pqxx/pqxx>
#include <string>
#include <string_view>

#include "edgesync/sdk/error.h"
#include "server_connection.h"

namespace edgesync::postgres {

using Rows = pqxx::result;

/// Lost against another transaction; running the whole transaction again helps.
class Conflict : public Error {
public:
    explicit Conflict(const std::string& message) : Error(ErrorKind::Conflict, message) {}
};

/// The server refuses our credentials or names; trying again does not help.
class Refused : public Error {
public:
    explicit Refused(const std::string& message) : Error(ErrorKind::NotConnected, message) {}
};

/// Not thread-safe. Never connects again by itself: what a session has been told would be lost.
class Connection {
public:
    /// Connects. @throws Error{NotConnected}, Refused
    explicit Connection(const ServerOptions& options);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    /// Runs one or several statements in one round trip; returns the rows of the last.
    /// @throws Conflict, Error{NotConnected, NoSpace, Timeout, Busy, Corrupt, Io}
    Rows run(const std::string& text);

    /// Sends a statement whose result nobody needs, and does not wait for it: it is done before what is run next. If the connection is
    /// lost meanwhile, that is what the next one finds.
    void send(const char* statement) noexcept { connection_.send(statement); }

    /// Hears of the channel from now on; for a connection that does nothing else. @throws as run
    void listen(const std::string& channel);
    /// Waits until there is a notification of `listen` or `wake_fd` is readable, or for `patience`.
    /// @throws Error{NotConnected}
    void wait_for_notification(int wake_fd, std::chrono::milliseconds patience);

    /// False after an error that ended the connection.
    bool is_usable() const { return is_usable_; }
    std::string quoted_name(const std::string& name) const { return connection_.quote_name(name); }
    std::string quoted_text(const std::string& text) const { return connection_.quote(text); }

private:
    class Ear;
    void take_notifications();

    mutable ServerConnection connection_;
    std::unique_ptr<Ear> ear_;
    std::optional<pqxx::nontransaction> work_;
    bool is_usable_ = true;
};

/// A field that holds octets. @throws Error{Corrupt}
std::string octets_of(const pqxx::field& field);

}  // namespace edgesync::postgres
