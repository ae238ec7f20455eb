// The kernel as a line sees it, as far as tests of lines need one.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "edgesync/sdk/error.h"
#include "edgesync/sdk/transport.h"

namespace edgesync::mqtt_exchange {

/// Takes every message. What tests set is set before the start.
class LineHost : public TransportHost {
public:
    LineHost(const Settings& settings, Log& log) : settings_(settings), log_(log) {}

    NodeRole role() const override { return settings_.role(); }
    NodeKey self() const override { return role() == NodeRole::Css ? NodeKey{"", "Cloud", "Cloud"} : NodeKey{"acme", "camera", "cam1"}; }
    bool is_storage_persistent() const override { return true; }
    void handle(const NodeKey& peer, Message message, std::function<void(HandleResult)> done) override {
        if (on_handle) on_handle(peer, message);
        done({});
    }
    std::uint64_t poll(const NodeKey&, const PollRequest&, std::function<void(PollResult)>) override { return unexpected<std::uint64_t>(); }
    void cancel_poll(std::uint64_t) override {}
    OpenedData open_data(const NodeKey&, const ObjectKey&, InstanceId, DataId) override { return unexpected<OpenedData>(); }
    std::unique_ptr<DataReceiver> receive_data(const NodeKey&, const DataRequest&, std::int64_t, const std::string&,
                                               const std::string&) override {
        return unexpected<std::unique_ptr<DataReceiver>>();
    }
    void mount(const std::string&, HttpHandler&) override { unexpected<int>(); }
    std::optional<NodeKey> authenticate_node(const HttpRequest&) override { return {}; }
    std::pair<std::string, std::string> credentials_for(const std::string&) override { return {}; }
    void report_unknown() override {}
    void line_changed(bool is_connected) override { ++(is_connected ? connections : losses); }
    std::vector<BrokerAccount> broker_accounts() override { return accounts; }
    bool is_one_of_several() const override { return has_others; }
    bool is_running() const override { return true; }
    TimePoint now() const override { return std::chrono::system_clock::now(); }
    Log& log() override { return log_; }
    const Settings& settings() const override { return settings_; }

    std::function<void(const NodeKey&, const Message&)> on_handle;
    std::vector<BrokerAccount> accounts;
    bool has_others = false;
    std::atomic<int> connections{0};
    std::atomic<int> losses{0};

private:
    template <typename T>
    static T unexpected() {
        throw Error(ErrorKind::Internal, "a line does not call this here");
    }

    const Settings& settings_;
    Log& log_;
};

}  // namespace edgesync::mqtt_exchange
