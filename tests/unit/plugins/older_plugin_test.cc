// Plugins built with the headers of ABI 1.0, in the service of today (docs/plugin-compatibility.md).
#include <gmock/gmock.h>

#include "kernel/plugins/plugin_loader.h"

namespace edgesync::plugins {
namespace {

const std::filesystem::path kOlder = std::filesystem::path(EDGESYNC_TEST_PLUGINS) / "older";

class PlainLog final : public Log {
public:
    bool logs(LogLevel) const noexcept override { return true; }
    bool traces(LogLevel) const noexcept override { return false; }
    void log(LogLevel, std::string_view text) noexcept override { last = text; }
    void trace(LogLevel, std::string_view) noexcept override {}
    std::string last;
};

class EssSettings final : public Settings {
public:
    std::string text(std::string_view) const override { return {}; }
    bool boolean(std::string_view) const override { return false; }
    std::int64_t integer(std::string_view) const override { return 0; }
    std::vector<std::string> list(std::string_view) const override { return {}; }
    bool is_set(std::string_view) const override { return false; }
    NodeRole role() const override { return NodeRole::Ess; }
    std::string persistence_root() const override { return "/"; }
};

/// Of the present ABI. Tells what was asked of it.
class Host final : public TransportHost {
public:
    NodeRole role() const override { return NodeRole::Ess; }
    NodeKey self() const override { return {}; }
    bool is_storage_persistent() const override { return true; }
    void handle(const NodeKey&, Message, std::function<void(HandleResult)>) override {}
    std::uint64_t poll(const NodeKey&, const PollRequest&, std::function<void(PollResult)>) override { return 0; }
    void cancel_poll(std::uint64_t) override {}
    OpenedData open_data(const NodeKey&, const ObjectKey&, InstanceId, DataId) override { return {}; }
    std::unique_ptr<DataReceiver> receive_data(const NodeKey&, const DataRequest&, std::int64_t, const std::string&,
                                               const std::string&) override {
        return nullptr;
    }
    void mount(const std::string&, HttpHandler&) override {}
    std::optional<NodeKey> authenticate_node(const HttpRequest&) override { return std::nullopt; }
    std::pair<std::string, std::string> credentials_for(const std::string&) override { return {}; }
    void report_unknown() override { ++reports_of_unknown; }
    bool is_running() const override { return true; }
    TimePoint now() const override { return TimePoint(TimePoint::duration(42)); }
    Log& log() override { return log_; }
    const Settings& settings() const override { return settings_; }
    void line_changed(bool is_connected) override { line = is_connected; }

    int reports_of_unknown = 0;
    std::optional<bool> line;
    PlainLog log_;
    EssSettings settings_;
};

class NoSink final : public DataSink {
public:
    bool begin(bool, std::int64_t, const std::string&) override { return false; }
    bool write(std::span<const std::byte>) override { return false; }
};

TEST(OlderPlugins, ATransportOfABI10FindsEveryFunctionOfItsHost) {
    const auto transport = PluginLoader({kOlder}).load_transport("older");
    Host host;
    transport->start(host);
    EXPECT_EQ(transport->send({"acme", "camera", "cam1"}, {}).reason, "running at 42 on an ESS, to cam1");
    EXPECT_EQ(host.log_.last, "the older one has started");
    EXPECT_EQ(host.reports_of_unknown, 1);
}

TEST(OlderPlugins, WhatATransportOfABI10LacksIsAnsweredForIt) {
    const auto transport = PluginLoader({kOlder}).load_transport("older");
    EXPECT_EQ(transport->largest_payload({}), 7);
    EXPECT_EQ(transport->communication(), "");
    transport->leadership_changed(true);
    EXPECT_FALSE(transport->line_health());
}

TEST(OlderPlugins, ALineOfABI10IsTakenForUpOnceItHasStarted) {
    const auto transport = PluginLoader({kOlder}).load_transport("older");
    Host host;
    transport->start(host);
    EXPECT_EQ(host.line, true);
}

TEST(OlderPlugins, EverythingThatABI10HadReachesTheTransport) {
    const auto transport = PluginLoader({kOlder}).load_transport("older");
    transport->registration_changed(true, {"wait"});
    EXPECT_EQ(transport->send({"", "", "x"}, {}).reason, "wait, to x");
    transport->drain();
    EXPECT_EQ(transport->send({"", "", "x"}, {}).reason, "drained, to x");
    NoSink sink;
    EXPECT_THROW(transport->fetch({}, {}, sink), Error);
}

TEST(OlderPlugins, AStoreOfABI10IsUsedAsItIs) {
    const auto store = PluginLoader({kOlder}).load_store("older");
    EXPECT_EQ(store->traits().inline_limit, 7);
    EXPECT_EQ(store->health().problem, "old");
    EXPECT_EQ(store->lead("me", std::chrono::seconds(1)), 1);
    EXPECT_THROW(store->wipe(), Error);
}

TEST(OlderPlugins, AreListedWithTheVersionThatTheyWereBuiltFor) {
    for (const auto& candidate : PluginLoader({kOlder}).candidates()) {
        EXPECT_TRUE(candidate.is_usable);
        EXPECT_THAT(candidate.verdict, testing::EndsWith("plugin 'older', built for the older plugin ABI 1.0"));
    }
}

}  // namespace
}  // namespace edgesync::plugins
