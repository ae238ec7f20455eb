#include "recording_host.h"

#include <algorithm>

#include "edgesync/sdk/codec.h"
#include "memory_blob.h"

namespace edgesync::conformance {
namespace {

using Clock = std::chrono::steady_clock;

/// `handle` may wait at most some seconds.
constexpr std::chrono::seconds kLongestBlock{4};
/// Shorter than the service grants, so that tests see polls end.
constexpr std::chrono::seconds kLongestPark{5};

std::string text_of(const NodeKey& node) { return node.org + "/" + node.type + "/" + node.id; }

}  // namespace

std::vector<Message> Seen::of(Command command) const {
    std::vector<Message> found;
    for (const auto& one : handled) {
        if (one.message.command == command) found.push_back(one.message);
    }
    return found;
}

std::vector<Handled> Seen::about(const std::string& object_id) const {
    std::vector<Handled> found;
    for (const auto& one : handled) {
        if (one.message.meta.object_id == object_id) found.push_back(one);
    }
    return found;
}

/// Keeps the octets of one upload.
class RecordingHost::Receiver : public DataReceiver {
public:
    Receiver(RecordingHost& host, std::size_t index) : host_(host), index_(index) {}

    HandleResult start() override {
        const std::lock_guard lock(host_.mutex_);
        host_.enter("DataReceiver::start");
        upload().is_refused = host_.script_.start.verdict != Verdict::Accepted;
        return host_.script_.start;
    }

    bool write(std::span<const std::byte> octets) override {
        const std::lock_guard lock(host_.mutex_);
        host_.enter("DataReceiver::write");
        Upload& to = upload();
        if (to.octets.size() >= host_.script_.most_octets) {
            ++to.writes_after_no;
            return false;
        }
        to.octets.append(reinterpret_cast<const char*>(octets.data()), octets.size());
        host_.changed_.notify_all();
        return to.octets.size() < host_.script_.most_octets;
    }

    void finish(std::function<void(HandleResult)> done) override {
        HandleResult result;
        {
            const std::lock_guard lock(host_.mutex_);
            host_.enter("DataReceiver::finish");
            upload().is_finished = true;
            result = host_.script_.finish;
            host_.changed_.notify_all();
        }
        host_.give(std::move(done), std::move(result));
    }

    void abort() noexcept override {
        const std::lock_guard lock(host_.mutex_);
        upload().is_aborted = true;
        host_.changed_.notify_all();
    }

private:
    Upload& upload() { return host_.seen_.uploads[index_]; }

    RecordingHost& host_;
    const std::size_t index_;
};

RecordingHost::RecordingHost(NodeRole role, NodeKey self, const Settings& settings, Log& log, HttpMount* http)
    : role_(role), self_(std::move(self)), settings_(settings), log_(log), http_(http), expiry_([this] { expire_polls(); }) {}

RecordingHost::~RecordingHost() {
    {
        const std::lock_guard lock(mutex_);
        is_ending_ = true;
        changed_.notify_all();
    }
    expiry_.join();
}

void RecordingHost::enter(const char* call) const {
    if (is_closed_) seen_.violations.push_back(std::string(call) + " after Transport::stop returned");
}

HandleResult RecordingHost::answer_to(const NodeKey& peer, const Message& message) const {
    if (script_.answer) return script_.answer(peer, message);
    HandleResult result;
    if (message.command == Command::Register || message.command == Command::RegisterNew) {
        Message& reply = result.replies.emplace_back();
        reply.command = Command::RegAck;
        reply.capabilities = {"digest"};
    }
    return result;
}

void RecordingHost::give(std::function<void(HandleResult)> done, HandleResult result) {
    {
        const std::lock_guard lock(mutex_);
        if (holds_) {
            held_.push_back([done = std::move(done), result = std::move(result)] { done(result); });
            return;
        }
    }
    done(std::move(result));
}

void RecordingHost::handle(const NodeKey& peer, Message message, std::function<void(HandleResult)> done) {
    HandleResult result;
    {
        std::unique_lock lock(mutex_);
        enter("handle");
        changed_.wait_for(lock, kLongestBlock, [this] { return !blocks_; });
        result = answer_to(peer, message);
        seen_.handled.push_back({peer, std::move(message)});
        changed_.notify_all();
    }
    give(std::move(done), std::move(result));
}

std::vector<Message> RecordingHost::take_queued(const NodeKey& peer, std::size_t limit) {
    auto& queue = queued_[peer];
    const auto count = static_cast<std::ptrdiff_t>(std::min(limit, queue.size()));
    std::vector<Message> items(queue.begin(), queue.begin() + count);
    queue.erase(queue.begin(), queue.begin() + count);
    return items;
}

RecordingHost::Answers RecordingHost::take_parked(const std::function<bool(const Parked&)>& is_over) {
    Answers answers;
    for (auto at = parked_.begin(); at != parked_.end();) {
        if (!is_over(at->second)) {
            ++at;
            continue;
        }
        PollResult result;
        result.granted = kLongestPark;
        result.items = take_queued(at->second.peer, PollRequest().limit);
        answers.push_back([done = std::move(at->second.done), result = std::move(result)] { done(result); });
        at = parked_.erase(at);
    }
    return answers;
}

std::uint64_t RecordingHost::poll(const NodeKey& peer, const PollRequest& request, std::function<void(PollResult)> done) {
    PollResult result;
    Answers released;
    std::uint64_t handle = 0;
    {
        const std::lock_guard lock(mutex_);
        enter("poll");
        ++seen_.polls;
        result.verdict = script_.poll;
        if (result.verdict == Verdict::Accepted) result.items = take_queued(peer, request.limit);
        if (request.wait.count() > 0) result.granted = std::min(request.wait, kLongestPark);
        const auto parked_here =
            1 + std::count_if(parked_.begin(), parked_.end(), [&](const auto& one) { return one.second.peer == peer; });
        seen_.most_parked = std::max(seen_.most_parked, static_cast<std::size_t>(parked_here));
        released = take_parked([&](const Parked& one) { return one.peer == peer; });
        if (result.verdict == Verdict::Accepted && result.items.empty() && result.granted.count() > 0 && is_running_) {
            handle = ++last_handle_;
            parked_[handle] = {peer, Clock::now() + result.granted, done};
        }
        changed_.notify_all();
    }
    for (const auto& answer : released) answer();
    if (handle == 0) done(std::move(result));
    return handle;
}

void RecordingHost::cancel_poll(std::uint64_t handle) {
    std::function<void(PollResult)> dropped;
    const std::lock_guard lock(mutex_);
    const auto found = parked_.find(handle);
    if (found == parked_.end()) return;
    dropped = std::move(found->second.done);
    parked_.erase(found);
}

void RecordingHost::expire_polls() {
    std::unique_lock lock(mutex_);
    while (!is_ending_) {
        auto answers = take_parked([](const Parked& one) { return one.end <= Clock::now(); });
        if (!answers.empty()) {
            lock.unlock();
            for (const auto& answer : answers) answer();
            lock.lock();
            continue;
        }
        auto next = Clock::now() + std::chrono::hours(1);
        for (const auto& [handle, one] : parked_) next = std::min(next, one.end);
        changed_.wait_until(lock, next);
    }
}

OpenedData RecordingHost::open_data(const NodeKey&, const ObjectKey& key, InstanceId instance, DataId) {
    const std::lock_guard lock(mutex_);
    enter("open_data");
    OpenedData opened;
    opened.verdict = script_.open;
    const auto found = offers_.find({key, instance});
    if (opened.verdict == Verdict::Accepted && found == offers_.end()) opened.verdict = Verdict::NotFound;
    if (opened.verdict != Verdict::Accepted) {
        opened.reason = "scripted";
        return opened;
    }
    opened.reader = std::make_unique<MemoryBlob>(found->second.octets);
    opened.sha256 = found->second.sha256;
    return opened;
}

std::unique_ptr<DataReceiver> RecordingHost::receive_data(const NodeKey& peer, const DataRequest& range, std::int64_t body_length,
                                                          const std::string& repr_sha256, const std::string&) {
    const std::lock_guard lock(mutex_);
    enter("receive_data");
    Upload& upload = seen_.uploads.emplace_back();
    upload.peer = peer;
    upload.request = range;
    upload.body_length = body_length;
    upload.repr_sha256 = repr_sha256;
    return std::make_unique<Receiver>(*this, seen_.uploads.size() - 1);
}

void RecordingHost::mount(const std::string& prefix, HttpHandler& handler) {
    if (http_ == nullptr)
        throw Error(ErrorKind::Unsupported,
                    "This program is built without the listener of the service, on which the transport mounts " + prefix);
    http_->mount(prefix, handler);
}

std::optional<NodeKey> RecordingHost::authenticate_node(const HttpRequest& request) {
    {
        const std::lock_guard lock(mutex_);
        enter("authenticate_node");
    }
    const std::string named(request.header("X-Sync-Service-Dest"));
    if (request.header("Authorization") != "Basic " + codec::base64_encode(named + ":")) return std::nullopt;
    const auto first = named.find('/');
    const auto second = named.find('/', first + 1);
    if (first == std::string::npos || second == std::string::npos) return std::nullopt;
    return NodeKey{named.substr(0, first), named.substr(first + 1, second - first - 1), named.substr(second + 1)};
}

std::pair<std::string, std::string> RecordingHost::credentials_for(const std::string&) {
    const std::lock_guard lock(mutex_);
    enter("credentials_for");
    return {text_of(self_), ""};
}

void RecordingHost::report_unknown() {
    const std::lock_guard lock(mutex_);
    enter("report_unknown");
    ++seen_.unknown_reports;
    changed_.notify_all();
}

std::optional<std::string> RecordingHost::messaging_group(const std::string& org) {
    const std::lock_guard lock(mutex_);
    enter("messaging_group");
    const auto known = groups_.find(org);
    return known != groups_.end() ? known->second : environment().messaging_group();
}

void RecordingHost::remember_messaging_group(const std::string& org, const std::string& group) {
    const std::lock_guard lock(mutex_);
    enter("remember_messaging_group");
    groups_[org] = group;
}

bool RecordingHost::is_running() const {
    const std::lock_guard lock(mutex_);
    return is_running_;
}

void RecordingHost::follow(Script script) {
    const std::lock_guard lock(mutex_);
    script_ = std::move(script);
}

void RecordingHost::queue(const NodeKey& peer, const Message& message) {
    Answers answers;
    {
        const std::lock_guard lock(mutex_);
        queued_[peer].push_back(message);
        answers = take_parked([&](const Parked& one) { return one.peer == peer; });
    }
    for (const auto& answer : answers) answer();
}

void RecordingHost::offer(const ObjectKey& key, InstanceId instance, std::vector<std::byte> octets, const std::string& sha256) {
    const std::lock_guard lock(mutex_);
    offers_[{key, instance}] = {std::make_shared<const std::vector<std::byte>>(std::move(octets)), sha256};
}

void RecordingHost::hold() {
    const std::lock_guard lock(mutex_);
    holds_ = true;
}

void RecordingHost::release() {
    Answers answers;
    {
        const std::lock_guard lock(mutex_);
        holds_ = false;
        answers.swap(held_);
    }
    for (const auto& answer : answers) answer();
}

void RecordingHost::block() {
    const std::lock_guard lock(mutex_);
    blocks_ = true;
}

void RecordingHost::unblock() {
    const std::lock_guard lock(mutex_);
    blocks_ = false;
    changed_.notify_all();
}

void RecordingHost::begin_shutdown() {
    Answers answers;
    {
        const std::lock_guard lock(mutex_);
        is_running_ = false;
        answers = take_parked([](const Parked&) { return true; });
    }
    for (const auto& answer : answers) answer();
}

void RecordingHost::close() {
    const std::lock_guard lock(mutex_);
    is_closed_ = true;
}

bool RecordingHost::await(const std::function<bool(const Seen&)>& is_true, std::chrono::milliseconds limit) const {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, limit, [&] { return is_true(seen_); });
}

}  // namespace edgesync::conformance
