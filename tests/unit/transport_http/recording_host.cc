#include "tests/unit/transport_http/recording_host.h"

#include <algorithm>

#include "edgesync/sdk/codec.h"

namespace edgesync::transport_http::test {

FixedSettings edge_settings(std::uint16_t css_port, std::map<std::string, std::string> more) {
    std::map<std::string, std::string> values{{"HTTPCSSHost", "127.0.0.1"},
                                              {"HTTPCSSPort", std::to_string(css_port)},
                                              {"HTTPCSSUseSSL", "false"},
                                              {"AllowPrivateIPs", "true"},
                                              {"HTTPPollingInterval", "1"},
                                              {"HTTPESSClientTimeout", "10"},
                                              {"HTTPESSObjClientTimeout", "20"},
                                              {"ESSCallSPIRetryInterval", "1"},
                                              {"HTTPPush", "true"},
                                              {"HTTPMaxWait", "30"}};
    for (const auto& [key, value] : more) values[key] = value;
    return FixedSettings(NodeRole::Ess, values);
}

void SilentLog::log(LogLevel level, std::string_view text) noexcept {
    const std::lock_guard lock(mutex_);
    if (level == LogLevel::Warning) warnings_.emplace_back(text);
}

std::vector<std::string> SilentLog::warnings() {
    const std::lock_guard lock(mutex_);
    return warnings_;
}

HandleResult RecordingReceiver::start() { return host_.start_verdict; }

bool RecordingReceiver::write(std::span<const std::byte> octets) {
    const std::lock_guard lock(host_.mutex_);
    host_.upload_.octets.append(reinterpret_cast<const char*>(octets.data()), octets.size());
    return true;
}

void RecordingReceiver::finish(std::function<void(HandleResult)> done) {
    {
        const std::lock_guard lock(host_.mutex_);
        host_.upload_.is_finished = true;
    }
    done(host_.verdict);
}

void RecordingReceiver::abort() noexcept {
    const std::lock_guard lock(host_.mutex_);
    host_.upload_.is_aborted = true;
}

void RecordingHost::handle(const NodeKey& peer, Message message, std::function<void(HandleResult)> done) {
    {
        const std::lock_guard lock(mutex_);
        handled_.push_back({peer, std::move(message)});
    }
    done(verdict);
}

std::uint64_t RecordingHost::poll(const NodeKey&, const PollRequest& request, std::function<void(PollResult)> done) {
    {
        const std::lock_guard lock(mutex_);
        polls_.push_back(request);
        if (request.wait.count() > 0 && poll_result.items.empty() && poll_result.verdict == Verdict::Accepted) {
            parked_ = std::move(done);
            return 7;
        }
    }
    done(poll_result);
    return 0;
}

void RecordingHost::cancel_poll(std::uint64_t handle) {
    std::function<void(PollResult)> dropped;
    const std::lock_guard lock(mutex_);
    cancelled_.push_back(handle);
    dropped.swap(parked_);
}

OpenedData RecordingHost::open_data(const NodeKey&, const ObjectKey&, InstanceId, DataId) {
    OpenedData opened;
    opened.verdict = data ? open_verdict : Verdict::NotFound;
    opened.reason = "because";
    opened.sha256 = data_sha256;
    if (opened.verdict == Verdict::Accepted) opened.reader = std::make_unique<http::test::TestBlob>(*data);
    return opened;
}

std::unique_ptr<DataReceiver> RecordingHost::receive_data(const NodeKey& peer, const DataRequest& range, std::int64_t body_length,
                                                          const std::string& repr_sha256, const std::string& content_sha256) {
    const std::lock_guard lock(mutex_);
    upload_ = {peer, range, body_length, repr_sha256, content_sha256, "", false, false};
    return std::make_unique<RecordingReceiver>(*this);
}

std::optional<NodeKey> RecordingHost::authenticate_node(const HttpRequest& request) {
    const std::string dest(request.header("X-Sync-Service-Dest"));
    if (request.header("Authorization") != "Basic " + codec::base64_encode(dest + ":")) return std::nullopt;
    const auto first = dest.find('/');
    const auto second = dest.find('/', first + 1);
    if (first == std::string::npos || second == std::string::npos) return std::nullopt;
    return NodeKey{dest.substr(0, first), dest.substr(first + 1, second - first - 1), dest.substr(second + 1)};
}

void RecordingHost::report_unknown() {
    const std::lock_guard lock(mutex_);
    ++unknown_reports_;
}

std::vector<RecordingHost::Handled> RecordingHost::handled() {
    const std::lock_guard lock(mutex_);
    return handled_;
}

std::size_t RecordingHost::unknown_reports() {
    const std::lock_guard lock(mutex_);
    return unknown_reports_;
}

std::vector<PollRequest> RecordingHost::polls() {
    const std::lock_guard lock(mutex_);
    return polls_;
}

std::vector<std::uint64_t> RecordingHost::cancelled() {
    const std::lock_guard lock(mutex_);
    return cancelled_;
}

bool RecordingHost::answer_parked(PollResult result) {
    std::function<void(PollResult)> done;
    {
        const std::lock_guard lock(mutex_);
        done.swap(parked_);
    }
    if (!done) return false;
    done(std::move(result));
    return true;
}

RecordingHost::Upload RecordingHost::upload() {
    const std::lock_guard lock(mutex_);
    return upload_;
}

}  // namespace edgesync::transport_http::test
