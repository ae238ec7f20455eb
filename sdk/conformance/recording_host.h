// A kernel that remembers what a transport tells it, and answers as a test wants.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "edgesync/sdk/transport.h"
#include "options.h"
#include "transport_environment.h"

namespace edgesync::conformance {

struct Handled {
    NodeKey peer;
    Message message;
};

struct Upload {
    NodeKey peer;
    DataRequest request;
    std::int64_t body_length = -1;
    std::string repr_sha256;
    std::string octets;
    bool is_refused = false;
    bool is_finished = false;
    bool is_aborted = false;
    std::size_t writes_after_no = 0;  ///< Although `write` had said that no more is wanted.
};

/// What a host was told so far.
struct Seen {
    std::vector<Handled> handled;
    std::vector<Upload> uploads;
    std::size_t polls = 0;
    std::size_t most_parked = 0;  ///< Polls of one peer at once.
    std::size_t unknown_reports = 0;
    std::vector<std::string> violations;  ///< Calls that are not allowed.

    std::vector<Message> of(Command command) const;
    /// In the order in which they came, whoever sent them.
    std::vector<Handled> about(const std::string& object_id) const;
};

/// How a host answers.
struct Script {
    /// Null: everything is accepted, a registration is acknowledged. Called with the host's lock held.
    std::function<HandleResult(const NodeKey&, const Message&)> answer;
    HandleResult start;                  ///< Of an upload.
    std::size_t most_octets = SIZE_MAX;  ///< `write` says no beyond.
    HandleResult finish;
    Verdict open = Verdict::Accepted;
    Verdict poll = Verdict::Accepted;
};

/// Thread-safe.
class RecordingHost : public TransportHost {
public:
    RecordingHost(NodeRole role, NodeKey self, const Settings& settings, Log& log, HttpMount* http);
    ~RecordingHost() override;

    NodeRole role() const override { return role_; }
    NodeKey self() const override { return self_; }
    bool is_storage_persistent() const override { return true; }
    void handle(const NodeKey& peer, Message message, std::function<void(HandleResult)> done) override;
    std::uint64_t poll(const NodeKey& peer, const PollRequest& request, std::function<void(PollResult)> done) override;
    void cancel_poll(std::uint64_t handle) override;
    OpenedData open_data(const NodeKey& peer, const ObjectKey& key, InstanceId instance, DataId data_id) override;
    std::unique_ptr<DataReceiver> receive_data(const NodeKey& peer, const DataRequest& range, std::int64_t body_length,
                                               const std::string& repr_sha256, const std::string& content_sha256) override;
    void mount(const std::string& prefix, HttpHandler& handler) override;
    std::optional<NodeKey> authenticate_node(const HttpRequest& request) override;
    std::pair<std::string, std::string> credentials_for(const std::string& url) override;
    void report_unknown() override;
    bool is_running() const override;
    TimePoint now() const override { return std::chrono::system_clock::now(); }
    Log& log() override { return log_; }
    const Settings& settings() const override { return settings_; }
    std::optional<std::string> messaging_group(const std::string& org) override;
    void remember_messaging_group(const std::string& org, const std::string& group) override;

    void follow(Script script);
    /// What the next poll of `peer` gets.
    void queue(const NodeKey& peer, const Message& message);
    /// Data that a peer may fetch.
    void offer(const ObjectKey& key, InstanceId instance, std::vector<std::byte> octets, const std::string& sha256);

    /// From now on verdicts are kept; `release` gives them, and goes back to giving them at once.
    void hold();
    void release();
    /// From now on `handle` does not return, for at most some seconds (as transport.h says), until `unblock`.
    void block();
    void unblock();

    /// As the service at the begin of a shutdown: not running, and parked polls are answered.
    void begin_shutdown();
    /// After Transport::stop: every further call is a violation.
    void close();

    /// What `look` returns for what was seen so far.
    template <typename Look>
    auto see(const Look& look) const {
        const std::lock_guard lock(mutex_);
        return look(seen_);
    }
    /// Waits until `is_true` for what was seen. False: it did not become true in that time.
    bool await(const std::function<bool(const Seen&)>& is_true, std::chrono::milliseconds limit = usual_wait()) const;

private:
    class Receiver;
    struct Offer {
        std::shared_ptr<const std::vector<std::byte>> octets;
        std::string sha256;
    };
    struct Parked {
        NodeKey peer;
        std::chrono::steady_clock::time_point end;
        std::function<void(PollResult)> done;
    };
    using Answers = std::vector<std::function<void()>>;

    // With the lock held:
    void enter(const char* call) const;
    HandleResult answer_to(const NodeKey& peer, const Message& message) const;
    std::vector<Message> take_queued(const NodeKey& peer, std::size_t limit);
    Answers take_parked(const std::function<bool(const Parked&)>& is_over);

    void expire_polls();
    /// Gives a verdict now or when verdicts are released.
    void give(std::function<void(HandleResult)> done, HandleResult result);

    const NodeRole role_;
    const NodeKey self_;
    const Settings& settings_;
    Log& log_;
    HttpMount* const http_;

    mutable std::mutex mutex_;
    mutable std::condition_variable changed_;
    mutable Seen seen_;
    Script script_;
    std::map<NodeKey, std::deque<Message>> queued_;
    std::map<std::pair<ObjectKey, InstanceId>, Offer> offers_;
    std::map<std::uint64_t, Parked> parked_;
    std::map<std::string, std::string> groups_;
    std::uint64_t last_handle_ = 0;
    Answers held_;
    bool holds_ = false;
    bool blocks_ = false;
    bool is_running_ = true;
    bool is_closed_ = false;
    bool is_ending_ = false;
    std::thread expiry_;
};

}  // namespace edgesync::conformance
