// Lines of a CSS with many organizations: one for each, with what the organization's record says of its broker. They come and go with the
// records.
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "lines.h"

namespace edgesync::mqtt_exchange {

class LinesByOrganization : public Lines {
public:
    static constexpr std::chrono::milliseconds kAccountsInterval{30'000};

    explicit LinesByOrganization(const LineParts& parts, std::chrono::milliseconds accounts_interval = kAccountsInterval)
        : parts_(parts), accounts_interval_(accounts_interval) {}
    ~LinesByOrganization() override { stop(); }

    void start() override;
    LinePtr to(const NodeKey& peer) override;
    std::vector<LinePtr> all() const override;
    void set_leading(bool leads) override;
    void stop() noexcept override;

private:
    /// Until `stop`: connects organizations that come, and reconnects those whose record changed.
    void follow_accounts();
    void look_at_accounts();
    LinePtr new_line(const BrokerAccount& account);
    void connect(const BrokerAccount& account);
    void start(const std::string& org, BrokerLine& line);
    void note_problem(const std::string& org, const std::string& problem);
    /// The organizations that are not known yet, but for those of `later`.
    void connect_new(const std::vector<BrokerAccount>& accounts, const std::set<std::string>& later);
    /// Takes out the lines of organizations that are gone, and those whose record is another now.
    std::vector<LinePtr> take_outdated(const std::vector<BrokerAccount>& accounts);
    /// Once each time that the last organization goes; whoever starts without OrgID may not know where brokers come from then.
    void say_if_there_is_none(bool is_none);

    const LineParts parts_;
    const std::chrono::milliseconds accounts_interval_;
    mutable std::mutex mutex_;
    std::condition_variable stopping_;
    std::map<std::string, LinePtr> lines_;
    std::map<std::string, BrokerAccount> accounts_;
    std::map<std::string, std::string> problems_;  ///< Of organizations without a line, as they were logged. Only the follower.
    bool has_said_none_ = false;                   ///< Only the follower.
    bool leads_ = false;
    bool is_stopped_ = false;
    std::thread follower_;
};

}  // namespace edgesync::mqtt_exchange
