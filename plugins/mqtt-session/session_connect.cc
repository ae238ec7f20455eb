// How a session gets a connection.
#include <algorithm>

#include "addresses.h"
#include "edgesync/sdk/error.h"
#include "session_impl.h"

namespace edgesync::mqtt_session {
namespace {

using Kind = ConnectFailure::Kind;

/// Of a name with many addresses.
constexpr std::size_t kMostAddresses = 4;

}  // namespace

void Session::Impl::run() {
    while (!is_stopping()) {
        if (connect()) serve();
        drop_connection();
        pause();
    }
}

bool Session::Impl::is_stopping() const {
    const std::lock_guard lock(mutex_);
    return is_stopping_;
}

/// One attempt: all addresses until one takes the connection.
bool Session::Impl::connect() {
    std::optional<ConnectFailure> worst;
    for (const BrokerUri& uri : uris_) {
        auto failure = connect_to(uri);
        if (is_stopping()) return false;
        if (!failure) {
            note_attempt({});
            return true;
        }
        // A broker that answered tells more than one that did not.
        if (!worst || (failure->kind == Kind::Refused && worst->kind != Kind::Refused)) worst = std::move(failure);
    }
    note_attempt(worst);
    return false;
}

/// What the library is given as the host. TLS and WebSocket need the name; otherwise it is an address that was judged. The library asks for
/// the addresses of a name while it holds its lock, so names are tried out here first.
std::vector<std::string> Session::Impl::targets_of(const BrokerUri& uri) const {
    auto addresses = addresses_of(uri.host);
    for (const auto& address : addresses) {
        if (!options_.allows_private && is_private_address(address)) {
            throw Error(ErrorKind::NotConnected, "the broker has the private address " + address + ", and AllowPrivateIPs is false");
        }
    }
    if (uri.is_tls || (uri.is_websocket && options_.allows_private)) return {uri.host};
    if (addresses.size() > kMostAddresses) addresses.resize(kMostAddresses);
    return addresses;
}

std::optional<ConnectFailure> Session::Impl::connect_to(const BrokerUri& uri) {
    std::optional<ConnectFailure> failure;
    std::vector<std::string> targets;
    try {
        targets = targets_of(uri);
    } catch (const Error& error) {
        return ConnectFailure{Kind::Unreachable, error.what()};
    }
    for (const auto& target : targets) {
        for (std::size_t i = first_version_; i < versions_.size() && !is_stopping(); ++i) {
            failure = connect_with(uri, target, versions_[i]);
            if (!failure) {
                first_version_ = i;
                return {};
            }
            if (failure->kind != Kind::WrongVersion && failure->kind != Kind::Closed) break;
        }
        if (failure && failure->kind == Kind::Refused) return failure;
    }
    first_version_ = 0;
    return failure;
}

std::optional<ConnectFailure> Session::Impl::connect_with(const BrokerUri& uri, const std::string& target, ProtocolVersion version) {
    std::optional<HandshakeGuard> guard;
    try {
        if (uri.is_tls) guard.emplace(uri.host, uri.port, trust_);
        ConnectionObserver& observer = *this;
        auto connection = std::make_unique<Connection>(options_, uri.text(target), version, observer);
        Connection& attempt = *connection;
        {
            const std::lock_guard lock(mutex_);
            news_ = {};
            reconnect_.reset();
            version_ = version;
            connection_ = std::move(connection);
        }
        received_.open();
        attempt.connect();
    } catch (const std::exception& error) {  // Also when the system has no thread for the library.
        drop_connection();
        return ConnectFailure{Kind::Unreachable, error.what()};
    }
    ConnectFailure failure = wait_for_answer();
    if (failure.reason.empty()) {
        socket_ = BrokerSocket(uri.port);
        return {};
    }
    drop_connection();
    if (guard && !guard->problem().empty()) failure = {Kind::Unreachable, guard->problem()};
    return failure;
}

/// Without a reason: the broker has accepted.
ConnectFailure Session::Impl::wait_for_answer() {
    Lock lock(mutex_);
    wake_.wait_for(lock, options_.connect_attempt, [this] { return is_stopping_ || news_.accepted || news_.failed || news_.lost; });
    if (is_stopping_) return {Kind::Unreachable, "the session is stopped"};
    if (news_.failed) return *news_.failed;
    if (news_.lost) return {Kind::Unreachable, *news_.lost};
    if (!news_.accepted)
        return {Kind::Unreachable, "it does not answer within " + std::to_string(options_.connect_attempt.count()) + " ms"};
    limit_.connected(news_.accepted->largest_packet);
    has_shared_ = news_.accepted->has_shared_subscriptions;
    return {};
}

void Session::Impl::note_attempt(const std::optional<ConnectFailure>& failure) {
    using Outcome = FirstAttempt::Outcome;
    {
        const std::lock_guard lock(mutex_);
        const bool is_refused = failure && (failure->kind == Kind::Refused || failure->kind == Kind::WrongVersion);
        if (first_attempt_.outcome == Outcome::Pending) {
            first_attempt_ = {!failure     ? Outcome::Connected
                              : is_refused ? Outcome::Refused
                                           : Outcome::Unreachable,
                              failure ? failure->reason : ""};
            first_.notify_all();
        }
        if (failure) counts_.last_error = failure->reason;
    }
    if (!failure) return;
    const std::string text = options_.name + " cannot be connected to: " + failure->reason;
    log_.trace(LogLevel::Debug, text);
    if (!is_outage_told_) log_.log(LogLevel::Warning, text + "; it is tried again until it works");
    is_outage_told_ = true;
}

void Session::Impl::drop_connection() {
    received_.close();  // Paho's thread may be waiting in it.
    std::unique_ptr<Connection> dying;
    {
        Lock lock(mutex_);
        is_ready_ = false;
        room_.notify_all();
        room_.wait(lock, [this] { return users_ == 0; });
        dying = std::move(connection_);
    }
    dying.reset();
    const std::lock_guard lock(mutex_);
    limit_.closed();
    sending_octets_ = 0;
    sending_messages_ = 0;
    granted_.clear();
    pending_.clear();
}

void Session::Impl::pause() {
    std::uniform_real_distribution<double> part(0, 1);
    Lock lock(mutex_);
    wake_.wait_for(lock, back_off_.next(part(random_)), [this] { return is_stopping_; });
}

void Session::Impl::connect_succeeded(const BrokerFacts& facts) {
    const std::lock_guard lock(mutex_);
    news_.accepted = facts;
    wake();
}

void Session::Impl::connect_failed(const ConnectFailure& failure) {
    const std::lock_guard lock(mutex_);
    news_.failed = failure;
    wake();
}

}  // namespace edgesync::mqtt_session
