// Transports with brokers: how they start, and what several lines have to do with each other.
#include "broker_transport.h"

#include <gtest/gtest.h>

#include <future>
#include <list>
#include <mutex>
#include <set>

#include "edgesync/sdk/codec.h"
#include "lines_by_organization.h"
#include "tests/system/mosquitto.h"
#include "tests/system/mqtt_packets.h"
#include "tests/unit/mqtt_exchange/line_host.h"
#include "tests/unit/mqtt_session/scripted_broker.h"
#include "tests/unit/security/fake_settings.h"
#include "tests/unit/thread_limit.h"

namespace edgesync::mqtt_exchange {
namespace {

using mqtt_session::ScriptedBroker;
using std::chrono::seconds;
using system_test::eventually;
using system_test::Mosquitto;

fakes::FakeSettings settings_of(NodeRole role, std::map<std::string, std::string> values) {
    fakes::FakeSettings out;
    out.node_role = role;
    values.insert({{"MQTTUseSSL", "false"}, {"AllowPrivateIPs", "true"}});
    for (const auto& [key, value] : values) out.values[key] = value;
    return out;
}

class RefusedStart : public testing::Test {
protected:
    void SetUp() override {
        if (!Mosquitto::is_installed()) GTEST_SKIP() << "mosquitto is not installed (scripts/install-deps)";
        broker_.start();
        settings_ = settings_of(NodeRole::Ess, {{"BrokerAddress", "127.0.0.1"},
                                                {"BrokerPort", std::to_string(broker_.port())},
                                                {"MQTTClientID", "ESS-1"},
                                                {"MQTTUserName", "me"},
                                                {"MQTTPassword", "new"}});
    }
    void accept() {
        broker_.stop();
        broker_.set_password("me", "new");
        broker_.start();
    }
    static system_test::MosquittoOptions options() {
        system_test::MosquittoOptions out;
        out.users = {{"me", "old"}};
        return out;
    }

    Mosquitto broker_{options()};
    fakes::FakeSettings settings_;
    fakes::CollectingLog log_;
};

TEST_F(RefusedStart, TheNextOneSucceedsWhenTheBrokerAccepts) {
    for (const bool is_accepted : {false, true}) {
        LineHost host(settings_, log_);
        BrokerTransport transport(mqtt_session::BrokerKind::Direct);
        transport.configure(settings_, log_);
        if (is_accepted) {
            accept();
            transport.start(host);
            EXPECT_TRUE(eventually([&] { return host.connections == 1; })) << broker_.log();
            Message message;
            message.command = Command::Ping;
            EXPECT_NO_THROW(transport.send({"acme", "Cloud", "Cloud"}, message));
        } else {
            EXPECT_THROW(transport.start(host), Error);
            EXPECT_EQ(host.connections, 0);
        }
    }
}

TEST_F(RefusedStart, NothingIsCalledThoughTheBrokerAcceptsLater) {
    auto host = std::make_unique<LineHost>(settings_, log_);
    BrokerTransport transport(mqtt_session::BrokerKind::Direct);
    transport.configure(settings_, log_);
    EXPECT_THROW(transport.start(*host), Error);
    accept();
    // A session would try again within a second.
    EXPECT_FALSE(eventually([&] { return host->connections > 0; }, std::chrono::milliseconds(1500)));
    host.reset();
    EXPECT_THROW(transport.send({"acme", "Cloud", "Cloud"}, {}), Error);
    transport.leadership_changed(true);
    EXPECT_FALSE(transport.line_health()->is_connected);
    transport.stop();
}

/// Of an organization. Knows no shared subscriptions.
class OrganizationBroker {
public:
    std::string uri() const { return broker_.uri(); }
    std::size_t filters() const {
        const std::lock_guard lock(mutex_);
        return filters_.size();
    }
    bool was_asked_for_shares() const {
        const std::lock_guard lock(mutex_);
        return was_asked_for_shares_;
    }
    /// A ping of a node of the organization comes with the answer to a subscription.
    void ping_from(const std::string& org) {
        Message ping;
        ping.command = Command::Ping;
        message_ = system_test::packet_of(0x30, system_test::text_field("iot-2/type/camera/id/cam1/evt/sync-cmd/fmt/bin") +
                                                    codec::command_to_json(ping, {org, "camera", "cam1"}, "mqtt"));
    }

private:
    ScriptedBroker::Reaction react(const std::string& packet) {
        using mqtt_session::Packet;
        if (is(packet, Packet::Connect)) {
            const bool is_too_new = mqtt_session::level_of(packet) > 4;
            return {mqtt_session::connack(is_too_new ? 1 : 0), is_too_new};
        }
        const std::lock_guard lock(mutex_);
        if (is(packet, Packet::Unsubscribe)) {
            for (const auto& filter : mqtt_session::filters_of(packet)) filters_.erase(filter);
            return {mqtt_session::unsuback(packet)};
        }
        if (!is(packet, Packet::Subscribe)) return {};
        std::vector<int> codes;
        for (const auto& filter : mqtt_session::filters_of(packet)) {
            const bool is_share = filter.starts_with("$share/");
            was_asked_for_shares_ = was_asked_for_shares_ || is_share;
            if (!is_share) filters_.insert(filter);
            codes.push_back(is_share ? 0x80 : 0);
        }
        return {mqtt_session::suback(packet, codes) + (filters_.empty() ? "" : message_)};
    }

    mutable std::mutex mutex_;
    std::set<std::string> filters_;
    bool was_asked_for_shares_ = false;
    std::string message_;
    const ScriptedBroker broker_{[this](const std::string& packet) { return react(packet); }};
};

TEST(Leadership, ALineThatStandsStillDoesNotDelayThatOfAnotherOrganization) {
    const auto settings = settings_of(NodeRole::Css, {});
    fakes::CollectingLog log;
    std::promise<void> goes_on;
    std::atomic<bool> stands_still{false};
    LineHost host(settings, log);
    host.has_others = true;
    host.on_handle = [&, gate = goes_on.get_future().share()](const NodeKey& peer, const Message&) {
        ASSERT_EQ(peer.org, "acme");
        stands_still = true;
        gate.wait();
    };
    OrganizationBroker acme;
    OrganizationBroker beta;
    OrganizationBroker zeta;
    acme.ping_from("acme");
    // Nobody is at the last one.
    host.accounts = {
        {"acme", "", "", acme.uri()}, {"beta", "", "", beta.uri()}, {"gone", "", "", "tcp://127.0.0.1:1"}, {"zeta", "", "", zeta.uri()}};
    BrokerTransport transport(mqtt_session::BrokerKind::Direct);
    transport.configure(settings, log);
    transport.start(host);
    const auto lead = [&](bool leads) {
        const auto begin = std::chrono::steady_clock::now();
        transport.leadership_changed(leads);
        EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds(4)) << "it returns at once";
    };
    ASSERT_TRUE(eventually([&] { return host.connections == 3; }));
    for (const auto* one : {&acme, &beta, &zeta}) {
        EXPECT_TRUE(one->was_asked_for_shares());
        EXPECT_EQ(one->filters(), 0U) << "without shares the leader alone takes messages";
    }
    lead(true);
    ASSERT_TRUE(eventually([&] { return stands_still.load(); }));
    EXPECT_TRUE(eventually([&] { return beta.filters() == 2 && zeta.filters() == 2; }));
    for (int round = 0; round < 3; ++round) {
        lead(false);
        EXPECT_TRUE(eventually([&] { return beta.filters() == 0 && zeta.filters() == 0; }));
        EXPECT_EQ(acme.filters(), 2U) << "it still stands";
        lead(true);
        EXPECT_TRUE(eventually([&] { return beta.filters() == 2 && zeta.filters() == 2; }));
    }
    lead(false);
    goes_on.set_value();
    EXPECT_TRUE(eventually([&] { return acme.filters() == 0 && beta.filters() == 0 && zeta.filters() == 0; }));
    lead(true);
    EXPECT_TRUE(eventually([&] { return acme.filters() == 2; })) << "what it slept through it makes good";
    transport.drain();
    transport.stop();
}

TEST(Lines, ThatStandStillAreStoppedAtOnce) {
    const auto settings = settings_of(NodeRole::Css, {});
    fakes::CollectingLog log;
    OrganizationBroker acme;
    OrganizationBroker beta;
    std::atomic<int> standing{0};
    std::promise<std::map<std::string, LinePtr>> known;
    LineHost host(settings, log);
    // Each goes on when the other one's line is being stopped, which takes nothing more then.
    host.on_handle = [&, lines = known.get_future().share()](const NodeKey& peer, const Message& message) {
        ++standing;
        const LinePtr other = lines.get().at(peer.org == "acme" ? "beta" : "acme");
        const auto is_stopping = [&] {
            try {
                other->send(peer, message);
                return false;
            } catch (const Error&) {
                return true;
            }
        };
        EXPECT_TRUE(eventually(is_stopping, seconds(4))) << peer.org;
    };
    acme.ping_from("acme");
    beta.ping_from("beta");
    host.accounts = {{"acme", "", "", acme.uri()}, {"beta", "", "", beta.uri()}};
    LinesByOrganization lines({&settings, &log, &host, mqtt_session::BrokerKind::Direct, "mqtt"});
    lines.start();
    EXPECT_TRUE(eventually([&] { return standing == 2; }));
    known.set_value({{"acme", lines.to({"acme", "", ""})}, {"beta", lines.to({"beta", "", ""})}});
    lines.stop();
    stop_all(lines.all());
}

/// Organizations come and go.
class ChangingHost : public LineHost {
public:
    using LineHost::LineHost;
    std::vector<BrokerAccount> broker_accounts() override {
        const std::lock_guard lock(mutex_);
        return accounts;
    }
    void change(std::vector<BrokerAccount> to) {
        const std::lock_guard lock(mutex_);
        accounts = std::move(to);
    }

private:
    std::mutex mutex_;
};

TEST(Lines, OfNewOrganizationsDoNotWaitForThoseThatStandStill) {
    const auto settings = settings_of(NodeRole::Css, {});
    fakes::CollectingLog log;
    OrganizationBroker acme;
    OrganizationBroker beta;
    OrganizationBroker zeta;
    std::atomic<int> standing{0};
    std::promise<void> changed;
    ChangingHost host(settings, log);
    host.on_handle = [&, has_changed = changed.get_future().share()](const NodeKey& peer, const Message&) {
        ++standing;
        has_changed.wait();
        EXPECT_TRUE(eventually([&] { return zeta.filters() > 0; }, seconds(4))) << peer.org;
    };
    acme.ping_from("acme");
    beta.ping_from("beta");
    host.change({{"acme", "", "", acme.uri()}, {"beta", "", "", beta.uri()}});
    LinesByOrganization lines({&settings, &log, &host, mqtt_session::BrokerKind::Direct, "mqtt"}, std::chrono::milliseconds(20));
    lines.start();
    EXPECT_TRUE(eventually([&] { return standing == 2; }));
    host.change({{"acme", "new", "", acme.uri()}, {"zeta", "", "", zeta.uri()}});
    changed.set_value();
    EXPECT_TRUE(eventually([&] { return zeta.filters() > 0 && lines.all().size() == 2; })) << "acme's is made anew";
    EXPECT_THROW(lines.to({"beta", "camera", "cam1"}), Error);
    lines.stop();
    stop_all(lines.all());
}

TEST(Lines, AreStartedLaterWhenTheSystemHasNoThreadForThemNow) {
    if (!ThreadLimit::works()) GTEST_SKIP() << "not beside a sanitizer";
    const auto settings = settings_of(NodeRole::Css, {});
    fakes::CollectingLog log;
    OrganizationBroker acme;
    LineHost host(settings, log);
    host.accounts = {{"acme", "", "", acme.uri()}};
    LinesByOrganization lines({&settings, &log, &host, mqtt_session::BrokerKind::Direct, "mqtt"}, std::chrono::milliseconds(20));
    // One for who follows the accounts; not the session's.
    const ThreadLimit limit(1, 1);
    lines.start();
    EXPECT_TRUE(eventually([&] { return acme.filters() > 0; }));
    EXPECT_EQ(ThreadLimit::count(), 1);
    lines.stop();
    stop_all(lines.all());
}

}  // namespace
}  // namespace edgesync::mqtt_exchange
