// A kernel that remembers what a transport asks of it and answers as a test wants.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "edgesync/sdk/transport.h"
#include "tests/unit/http/test_client.h"

namespace edgesync::transport_http::test {

using namespace std::chrono_literals;

class FixedSettings : public Settings {
public:
    explicit FixedSettings(NodeRole role, std::map<std::string, std::string> values = {}) : role_(role), values_(std::move(values)) {}
    std::string text(std::string_view key) const override { return values_.count(std::string(key)) ? values_.at(std::string(key)) : ""; }
    bool boolean(std::string_view key) const override { return text(key) == "true"; }
    std::int64_t integer(std::string_view key) const override { return text(key).empty() ? 0 : std::stoll(text(key)); }
    std::vector<std::string> list(std::string_view key) const override {
        std::vector<std::string> items;
        std::istringstream in(text(key));
        for (std::string item; std::getline(in, item, ',');) items.push_back(item);
        return items;
    }
    bool is_set(std::string_view key) const override { return values_.count(std::string(key)) > 0; }
    NodeRole role() const override { return role_; }
    std::string persistence_root() const override { return "/nowhere/"; }

private:
    NodeRole role_;
    std::map<std::string, std::string> values_;
};

/// Of an ESS to a CSS on loopback, with short pauses.
FixedSettings edge_settings(std::uint16_t css_port, std::map<std::string, std::string> more = {});

class SilentLog : public Log {
public:
    bool logs(LogLevel) const noexcept override { return true; }
    bool traces(LogLevel) const noexcept override { return true; }
    void log(LogLevel level, std::string_view text) noexcept override;
    void trace(LogLevel, std::string_view) noexcept override {}
    std::vector<std::string> warnings();

private:
    std::mutex mutex_;
    std::vector<std::string> warnings_;
};

class RecordingHost;

/// Keeps what is uploaded; its verdicts are the host's.
class RecordingReceiver : public DataReceiver {
public:
    explicit RecordingReceiver(RecordingHost& host) : host_(host) {}
    HandleResult start() override;
    bool write(std::span<const std::byte> octets) override;
    void finish(std::function<void(HandleResult)> done) override;
    void abort() noexcept override;

private:
    RecordingHost& host_;
};

class RecordingHost : public TransportHost {
public:
    explicit RecordingHost(NodeRole role, const Settings& settings) : role_(role), settings_(settings) {}

    NodeRole role() const override { return role_; }
    NodeKey self() const override { return self_key; }
    bool is_storage_persistent() const override { return true; }
    void handle(const NodeKey& peer, Message message, std::function<void(HandleResult)> done) override;
    std::uint64_t poll(const NodeKey& peer, const PollRequest& request, std::function<void(PollResult)> done) override;
    void cancel_poll(std::uint64_t handle) override;
    OpenedData open_data(const NodeKey& peer, const ObjectKey& key, InstanceId instance, DataId data_id) override;
    std::unique_ptr<DataReceiver> receive_data(const NodeKey& peer, const DataRequest& range, std::int64_t body_length,
                                               const std::string& repr_sha256, const std::string& content_sha256) override;
    void mount(const std::string& prefix, HttpHandler& handler) override { router->mount(prefix, handler); }
    /// The identity in X-Sync-Service-Dest, if the user part of the credentials says the same.
    std::optional<NodeKey> authenticate_node(const HttpRequest& request) override;
    std::pair<std::string, std::string> credentials_for(const std::string&) override { return credentials; }
    void report_unknown() override;
    bool is_running() const override { return running; }
    TimePoint now() const override { return std::chrono::system_clock::now(); }
    Log& log() override { return log_; }
    const Settings& settings() const override { return settings_; }

    struct Handled {
        NodeKey peer;
        Message message;
    };
    struct Upload {
        NodeKey peer;
        DataRequest request;
        std::int64_t body_length = 0;
        std::string repr_sha256;
        std::string content_sha256;
        std::string octets;
        bool is_finished = false;
        bool is_aborted = false;
    };

    // Set by tests before the calls.
    NodeKey self_key{"acme", "edge", "n1"};
    std::pair<std::string, std::string> credentials{"acme/edge/n1", ""};
    http::Router* router = nullptr;
    std::atomic<bool> running{true};
    HandleResult verdict;
    HandleResult start_verdict;
    PollResult poll_result;
    std::optional<std::string> data = "hello world";
    Verdict open_verdict = Verdict::Accepted;
    std::string data_sha256;

    std::vector<Handled> handled();
    std::size_t unknown_reports();
    std::vector<PollRequest> polls();
    std::vector<std::uint64_t> cancelled();
    /// Answers the poll that waits; false if there is none.
    bool answer_parked(PollResult result);
    Upload upload();
    SilentLog& silent_log() { return log_; }

private:
    friend class RecordingReceiver;
    const NodeRole role_;
    const Settings& settings_;
    SilentLog log_;
    std::mutex mutex_;
    std::vector<Handled> handled_;
    std::vector<PollRequest> polls_;
    std::vector<std::uint64_t> cancelled_;
    std::function<void(PollResult)> parked_;
    std::size_t unknown_reports_ = 0;
    Upload upload_;
};

}  // namespace edgesync::transport_http::test
