#include "lines_by_organization.h"

#include "edgesync/sdk/error.h"

namespace edgesync::mqtt_exchange {

void LinesByOrganization::start() {
    follower_ = std::thread([this] { follow_accounts(); });
}

void LinesByOrganization::follow_accounts() {
    std::unique_lock lock(mutex_);
    while (!is_stopped_) {
        lock.unlock();
        try {
            look_at_accounts();
        } catch (const std::exception& error) {
            parts_.log->log(LogLevel::Warning, std::string("Cannot read the organizations' brokers: ") + error.what());
        }
        lock.lock();
        stopping_.wait_for(lock, accounts_interval_, [this] { return is_stopped_; });
    }
}

LinePtr LinesByOrganization::new_line(const BrokerAccount& account) {
    try {
        auto options = mqtt_session::organization_options(*parts_.settings, parts_.kind,
                                                          {account.org, account.address, account.user, account.password});
        return make_line(parts_, std::move(options), {account.org, ""});
    } catch (const std::exception& error) {
        note_problem(account.org, error.what());
        return nullptr;
    }
}

std::vector<LinePtr> LinesByOrganization::take_outdated(const std::vector<BrokerAccount>& accounts) {
    std::map<std::string, const BrokerAccount*> present;
    for (const auto& account : accounts) present[account.org] = &account;
    const auto is_current = [&](const BrokerAccount& known) {
        const auto found = present.find(known.org);
        return found != present.end() && *found->second == known;
    };
    std::vector<LinePtr> outdated;
    const std::lock_guard lock(mutex_);
    for (auto known = accounts_.begin(); known != accounts_.end();) {
        if (is_current(known->second)) {
            ++known;
            continue;
        }
        if (const auto line = lines_.find(known->first); line != lines_.end()) {
            outdated.push_back(std::move(line->second));
            lines_.erase(line);
        }
        known = accounts_.erase(known);
    }
    return outdated;
}

void LinesByOrganization::connect(const BrokerAccount& account) {
    auto line = new_line(account);
    {
        const std::lock_guard lock(mutex_);
        if (is_stopped_) return;
        accounts_[account.org] = account;
        if (line) {
            line->set_leading(leads_);
            lines_[account.org] = line;
        }
    }
    if (line) start(account.org, *line);
}

/// If the system has no thread for it the next look tries again.
void LinesByOrganization::start(const std::string& org, BrokerLine& line) {
    try {
        line.start();
        problems_.erase(org);
    } catch (const std::exception& error) {
        note_problem(org, error.what());
        const std::lock_guard lock(mutex_);
        lines_.erase(org);
        accounts_.erase(org);
    }
}

void LinesByOrganization::note_problem(const std::string& org, const std::string& problem) {
    std::string& known = problems_[org];
    if (known != problem) parts_.log->log(LogLevel::Error, "Organization " + org + " is not served over MQTT: " + problem);
    known = problem;
}

void LinesByOrganization::connect_new(const std::vector<BrokerAccount>& accounts, const std::set<std::string>& later) {
    for (const auto& account : accounts) {
        bool is_known = false;
        {
            const std::lock_guard lock(mutex_);
            if (is_stopped_) return;
            is_known = accounts_.contains(account.org);
        }
        if (!is_known && !later.contains(account.org)) connect(account);
    }
}

// A line that stands still takes a while to stop; organizations that have none do not wait for that.
void LinesByOrganization::look_at_accounts() {
    const auto accounts = parts_.host->broker_accounts();
    const auto outdated = take_outdated(accounts);
    std::set<std::string> leaving;
    for (const auto& line : outdated) leaving.insert(line->options().org);
    connect_new(accounts, leaving);
    stop_all(outdated);
    connect_new(accounts, {});
    say_if_there_is_none(accounts.empty());
}

void LinesByOrganization::say_if_there_is_none(bool is_none) {
    if (is_none == has_said_none_) return;
    has_said_none_ = is_none;
    if (!is_none) return;
    const bool has_address = !parts_.settings->text("BrokerAddress").empty();
    parts_.log->log(LogLevel::Warning,
                    "OrgID is not set, so each organization has a broker of its own, which PUT /api/v1/organizations/ORG names; there is "
                    "no organization yet" +
                        std::string(has_address ? ". BrokerAddress is not used" : ""));
}

LinePtr LinesByOrganization::to(const NodeKey& peer) {
    const std::lock_guard lock(mutex_);
    const auto found = lines_.find(peer.org);
    if (found == lines_.end() || is_stopped_) throw Error(ErrorKind::NotConnected, "no broker is connected for " + peer.org);
    return found->second;
}

std::vector<LinePtr> LinesByOrganization::all() const {
    const std::lock_guard lock(mutex_);
    std::vector<LinePtr> lines;
    for (const auto& [org, line] : lines_) lines.push_back(line);
    return lines;
}

void LinesByOrganization::set_leading(bool leads) {
    // Under the lock, so that a line that is being made does not get an older word last.
    const std::lock_guard lock(mutex_);
    leads_ = leads;
    for (const auto& [org, line] : lines_) line->set_leading(leads);
}

void LinesByOrganization::stop() noexcept {
    {
        const std::lock_guard lock(mutex_);
        is_stopped_ = true;
    }
    stopping_.notify_all();
    if (follower_.joinable()) follower_.join();
}

}  // namespace edgesync::mqtt_exchange
