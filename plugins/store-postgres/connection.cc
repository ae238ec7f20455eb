#include "connection.h"

#include <poll.h>

#include <array>
#include <cerrno>
#include <sstream>

#include "sql_text.h"

namespace edgesync::postgres {
namespace {

/// libpq's and the server's messages may have several lines; operators get one.
std::string first_line(std::string text) {
    text = text.substr(0, text.find('\n'));
    while (!text.empty() && text.back() == ' ') text.pop_back();
    return text;
}

/// libpq gives no code for a connection that failed, so the words must do; in another language than English it is tried again.
bool is_refusal(std::string_view line) {
    for (const auto* words :
         {"authentication failed", "no pg_hba.conf entry", "no password supplied", "does not exist", "not permitted to log in",
          "certificate verify failed", "permission denied for database", "authentication method", "does not match host name",
          "does not support SSL", "valid client certificate", "alert unknown ca", "certificate required", "has group or world access",
          "could not load", "could not read certificate", "could not read root certificate", "channel binding"}) {
        // A socket file that does not exist is a server that is not started yet.
        if (line.find(words) != std::string_view::npos && line.find("No such file") == std::string_view::npos) return true;
    }
    return false;
}

/// With several addresses there is a line for each; the one that refuses us says more than one that is not there.
std::string refusal_in(const std::string& message) {
    std::istringstream lines(message);
    for (std::string line; std::getline(lines, line);) {
        if (is_refusal(line)) return line;
    }
    return {};
}

bool is_any(std::string_view state, std::initializer_list<std::string_view> states) {
    for (const auto one : states) {
        if (state.starts_with(one)) return true;
    }
    return false;
}

[[noreturn]] void fail(const std::string& state, const std::string& message) {
    const std::string text = "The database says: " + first_line(message) + (state.empty() ? "" : " (SQLSTATE " + state + ")");
    if (is_any(state, {"40001", "40P01", "23505", "55P03", "22012"})) throw Conflict(text);
    if (is_any(state, {"22011"}))
        throw Error(ErrorKind::NotConnected,
                    "The data was removed, because this instance counted as gone while it was received; send it again");
    if (is_any(state, {"08", "57P", "25006", "26000", "25P03"})) throw Error(ErrorKind::NotConnected, text);
    if (is_any(state, {"53100"})) throw Error(ErrorKind::NoSpace, text);
    if (is_any(state, {"53", "54"})) throw Error(ErrorKind::Busy, text);
    if (is_any(state, {"57014"})) throw Error(ErrorKind::Timeout, text);
    if (is_any(state, {"XX001", "XX002"})) throw Error(ErrorKind::Corrupt, text);
    throw Error(ErrorKind::Io, text);
}

[[noreturn]] void fail_to_connect(const std::string& message) {
    const std::string what = "Cannot connect to the database: ";
    if (const std::string refusal = refusal_in(message); !refusal.empty()) throw Refused(what + refusal);
    throw Error(ErrorKind::NotConnected, what + first_line(message));
}

}  // namespace

Connection::Connection(const ServerOptions& options) try : connection_(options) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    connection_.inhibit_reactivation(true);
#pragma GCC diagnostic pop
    work_.emplace(connection_);
} catch (const pqxx::failure& e) {
    fail_to_connect(e.what());
}

Rows Connection::run(const std::string& text) {
    try {
        return work_->exec(text);
    } catch (const pqxx::sql_error& e) {
        // Without a code it was not the server who answered, but the library, which found the connection closed.
        if (e.sqlstate().empty()) {
            is_usable_ = false;
            throw Error(ErrorKind::NotConnected, "The connection to the database is lost: " + first_line(e.what()));
        }
        is_usable_ = is_usable_ && connection_.is_open() && !is_any(e.sqlstate(), {"08", "57P", "25006", "26000", "25P03"});
        fail(e.sqlstate(), e.what());
    } catch (const pqxx::transaction_rollback& e) {  // Serialization failure or deadlock; not an sql_error in this library.
        throw Conflict("The database says: " + first_line(e.what()));
    } catch (const pqxx::failure& e) {
        is_usable_ = false;
        throw Error(ErrorKind::NotConnected, "The connection to the database is lost: " + first_line(e.what()));
    } catch (const std::logic_error& e) {  // Usage errors of a connection whose state is unknown after a failure.
        is_usable_ = false;
        throw Error(ErrorKind::NotConnected, "The connection to the database is unusable: " + first_line(e.what()));
    }
}

/// What is heard is only that there is something; the sender says it in a table.
class Connection::Ear : public pqxx::notification_receiver {
public:
    using notification_receiver::notification_receiver;
    void operator()(const std::string&, int) override { has_heard = true; }
    bool has_heard = false;
};

Connection::~Connection() {
    work_.reset();  // The library hands out notifications only outside of transactions, and an ear must go before its connection.
    ear_.reset();
}

void Connection::listen(const std::string& channel) {
    work_.reset();
    try {
        ear_ = std::make_unique<Ear>(connection_, channel);
    } catch (const pqxx::failure& e) {
        is_usable_ = false;
        throw Error(ErrorKind::NotConnected, "The connection to the database is lost: " + first_line(e.what()));
    }
    work_.emplace(connection_);
}

// One that came together with the answer to a query is not seen at the socket any more, so the library is asked first.
void Connection::wait_for_notification(int wake_fd, std::chrono::milliseconds patience) {
    take_notifications();
    if (!ear_->has_heard) {
        std::array<pollfd, 2> waiting{pollfd{connection_.sock(), POLLIN, 0}, pollfd{wake_fd, POLLIN, 0}};
        const int found = ::poll(waiting.data(), waiting.size(), static_cast<int>(patience.count()));
        if (found < 0 && errno != EINTR) throw Error(ErrorKind::Io, "Cannot wait for the database");
        if (found > 0 && waiting[0].revents != 0) take_notifications();
    }
    ear_->has_heard = false;
}

void Connection::take_notifications() {
    work_.reset();
    try {
        connection_.get_notifs();
    } catch (const pqxx::failure& e) {
        is_usable_ = false;
        throw Error(ErrorKind::NotConnected, "The connection to the database is lost: " + first_line(e.what()));
    }
    work_.emplace(connection_);
}

std::string octets_of(const pqxx::field& field) { return from_hex({field.c_str(), field.size()}); }

}  // namespace edgesync::postgres
