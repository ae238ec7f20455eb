#include "lines_by_organization.h"

#include <set>

#include "edgesync/sdk/error.h"

namespace edgesync::mqtt_exchange {
namespace {

constexpr std::chrono::seconds kAccountsInterval{30};

}  // namespace

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
        stopping_.wait_for(lock, kAccountsInterval, [this] { return is_stopped_; });
    }
}

LinePtr LinesByOrganization::new_line(const BrokerAccount& account) {
    try {
        auto options = mqtt_session::organization_options(*parts_.settings, parts_.kind,
                                                          {account.org, account.address, account.user, account.password});
        auto line = make_line(parts_, std::move(options), {account.org, ""});
        problems_.erase(account.org);
        return line;
    } catch (const Error& error) {
        std::string& known = problems_[account.org];
        if (known != error.what())
            parts_.log->log(LogLevel::Error, "Organization " + account.org + " is not served over MQTT: " + error.what());
        known = error.what();
        return nullptr;
    }
}

void LinesByOrganization::look_at_accounts() {
    std::set<std::string> present;
    for (auto& account : parts_.host->broker_accounts()) {
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
            if (is_stopped_) return;
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
    say_if_there_is_none(present.empty());
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
