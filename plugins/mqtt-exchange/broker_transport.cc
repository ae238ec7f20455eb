#include "broker_transport.h"

#include <algorithm>
#include <random>
#include <set>

#include "edgesync/sdk/error.h"

namespace edgesync::mqtt_exchange {
namespace {

constexpr std::chrono::seconds kAccountsInterval{30};
/// A broker that answers does so by then; the start does not wait longer for one that does not.
constexpr std::chrono::seconds kFirstAnswer{3};

/// Instances of one CSS must not take each other's connection.
std::string unique_client_id(const std::string& wanted) {
    std::random_device random;
    return wanted + "-" + std::to_string((static_cast<std::uint64_t>(random()) << 32U | random()) >> 1U);
}

}  // namespace

void BrokerTransport::configure(const Settings& settings, Log& log) {
    settings_ = &settings;
    log_ = &log;
    rules_ = mqtt_session::topic_rules(settings, kind_);
    parallelism_ = Parallelism::of(settings.text("MQTTParallelMode"));
    has_accounts_ = settings.role() == NodeRole::Css && settings.text("OrgID").empty();
    for (const auto& warning : mqtt_session::setting_warnings(settings)) log.log(LogLevel::Warning, warning);
    if (!has_accounts_) static_cast<void>(mqtt_session::node_options(settings));
}

LineOptions BrokerTransport::line_options(mqtt_session::SessionOptions session, const std::string& org) const {
    LineOptions options;
    options.session = std::move(session);
    options.session.may_use_v5 = kind_ == mqtt_session::BrokerKind::Direct;
    const bool is_direct = kind_ == mqtt_session::BrokerKind::Direct;
    if (is_direct && host_->is_one_of_several()) options.session.client_id = unique_client_id(options.session.client_id);
    options.rules = rules_;
    options.org = org;
    options.communication = communication();
    options.parallelism = parallelism_;
    return options;
}

void BrokerTransport::start(TransportHost& host) {
    host_ = &host;
    if (!has_accounts_) return start_only_line();
    follower_ = std::thread([this] { follow_accounts(); });
}

void BrokerTransport::start_only_line() {
    const std::string org = settings_->text("OrgID");
    auto line = std::make_shared<BrokerLine>(line_options(mqtt_session::node_options(*settings_), org), *host_, host_->is_one_of_several());
    {
        const std::lock_guard lock(mutex_);
        lines_.emplace("", line);
        line->set_leading(leads_);
    }
    line->start();
    const auto attempt = line->wait_first_attempt(kFirstAnswer);
    if (attempt.outcome == mqtt_session::FirstAttempt::Outcome::Refused) {
        throw Error(ErrorKind::InvalidRequest, line->options().session.name + " refuses this node: " + attempt.reason);
    }
}

void BrokerTransport::follow_accounts() {
    std::unique_lock lock(mutex_);
    while (!is_stopped_) {
        lock.unlock();
        try {
            look_at_accounts();
        } catch (const std::exception& error) {
            log_->log(LogLevel::Warning, std::string("Cannot read the organizations' brokers: ") + error.what());
        }
        lock.lock();
        stopping_.wait_for(lock, kAccountsInterval, [this] { return is_stopped_; });
    }
}

BrokerTransport::LinePtr BrokerTransport::new_line(const BrokerAccount& account) {
    try {
        auto options =
            mqtt_session::organization_options(*settings_, kind_, {account.org, account.address, account.user, account.password});
        auto line = std::make_shared<BrokerLine>(line_options(std::move(options), account.org), *host_, host_->is_one_of_several());
        problems_.erase(account.org);
        return line;
    } catch (const Error& error) {
        std::string& known = problems_[account.org];
        if (known != error.what()) log_->log(LogLevel::Error, "Organization " + account.org + " is not served over MQTT: " + error.what());
        known = error.what();
        return nullptr;
    }
}

void BrokerTransport::look_at_accounts() {
    std::set<std::string> present;
    for (auto& account : host_->broker_accounts()) {
        present.insert(account.org);
        LinePtr before;
        {
            const std::lock_guard lock(mutex_);
            if (is_stopped_) return;
            const auto known = accounts_.find(account.org);
            if (known != accounts_.end() && known->second == account) continue;
            if (const auto line = lines_.find(account.org); line != lines_.end()) {
                before = std::move(line->second);
                lines_.erase(line);
            }
        }
        if (before) before->stop();
        auto line = new_line(account);
        {
            const std::lock_guard lock(mutex_);
            if (is_stopped_ || is_draining_) return;
            accounts_[account.org] = account;
            if (line) {
                line->set_leading(leads_);
                lines_[account.org] = line;
            }
        }
        if (line) line->start();
    }
    std::vector<LinePtr> gone;
    {
        const std::lock_guard lock(mutex_);
        std::erase_if(accounts_, [&](const auto& known) { return !present.contains(known.first); });
        for (auto at = lines_.begin(); at != lines_.end();) {
            if (present.contains(at->first)) {
                ++at;
                continue;
            }
            gone.push_back(std::move(at->second));
            at = lines_.erase(at);
        }
    }
    for (const auto& line : gone) line->stop();
}

std::int64_t BrokerTransport::largest_payload(const NodeKey& peer) const {
    const std::lock_guard lock(mutex_);
    const auto found = lines_.find(has_accounts_ ? peer.org : std::string{});
    return found == lines_.end() ? 0 : found->second->largest_payload();
}

BrokerTransport::LinePtr BrokerTransport::line_to(const NodeKey& peer) const {
    const std::lock_guard lock(mutex_);
    if (is_draining_ || is_stopped_) throw Error(ErrorKind::NotConnected, "this node stops");
    const auto found = lines_.find(has_accounts_ ? peer.org : std::string{});
    if (found == lines_.end()) throw Error(ErrorKind::NotConnected, "no broker is connected for " + peer.org);
    return found->second;
}

std::vector<BrokerTransport::LinePtr> BrokerTransport::all_lines() const {
    const std::lock_guard lock(mutex_);
    std::vector<LinePtr> lines;
    for (const auto& [org, line] : lines_) lines.push_back(line);
    return lines;
}

PeerAnswer BrokerTransport::send(const NodeKey& peer, const Message& message) {
    if (message.command == Command::Unregister) {
        throw Error(ErrorKind::Unsupported, "a node cannot leave over MQTT; the CSS forgets it when it is silent for long");
    }
    line_to(peer)->send(peer, message);
    return {};
}

PeerAnswer BrokerTransport::fetch(const NodeKey&, const DataRequest&, DataSink&) {
    throw Error(ErrorKind::Unsupported, "data is not fetched over MQTT, it comes in messages");
}

PeerAnswer BrokerTransport::push(const NodeKey& peer, const DataRequest& request, BlobReader& source, const std::string&) {
    line_to(peer)->push(peer, request, source);
    return {};
}

void BrokerTransport::leadership_changed(bool leads) {
    const std::lock_guard lock(mutex_);
    leads_ = leads;
    // Under the lock, so that a line that is being made does not get an older word last.
    for (const auto& [org, line] : lines_) line->set_leading(leads);
}

std::optional<LineHealth> BrokerTransport::line_health() const {
    LineHealth health;
    health.is_connected = true;
    const auto seconds = [](std::chrono::milliseconds time) { return std::chrono::ceil<std::chrono::seconds>(time); };
    const auto earliest = [](std::chrono::seconds known, std::chrono::seconds other) {
        return known.count() == 0 || (other.count() > 0 && other < known) ? other : known;
    };
    for (const auto& line : all_lines()) {
        const auto session = line->health();
        health.subscribe_failures += session.subscribe_failures;
        health.publish_failures += session.publish_failures;
        health.since_subscribe_failure = earliest(health.since_subscribe_failure, seconds(session.since_subscribe_error));
        health.since_publish_failure = earliest(health.since_publish_failure, seconds(session.since_publish_error));
        if (session.is_connected) continue;
        health.is_connected = false;
        health.problem = line->options().session.name + ": " + session.last_error;
        health.disconnected_for = std::max(health.disconnected_for, seconds(session.last_disconnect));
    }
    return health;
}

void BrokerTransport::drain() {
    {
        const std::lock_guard lock(mutex_);
        is_draining_ = true;
    }
    for (const auto& line : all_lines()) line->drain();
}

void BrokerTransport::stop() noexcept {
    {
        const std::lock_guard lock(mutex_);
        is_stopped_ = true;
    }
    stopping_.notify_all();
    if (follower_.joinable()) follower_.join();
    for (const auto& line : all_lines()) line->stop();
}

}  // namespace edgesync::mqtt_exchange
