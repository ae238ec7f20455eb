// The contract of a transport plugin: it moves messages and data between this node and its peers. It holds no rule of the
// object life cycle; the kernel answers every message with a verdict (docs/writing-a-transport.md).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "edgesync/sdk/http.h"
#include "edgesync/sdk/message.h"
#include "edgesync/sdk/plugin.h"
#include "edgesync/sdk/store.h"

namespace edgesync {

/// What the transport can do in the role it runs in. Constant after `configure`.
struct TransportTraits {
    bool sends_unasked = true;         ///< False (HTTP on a CSS): peers fetch their messages with `TransportHost::poll`.
    bool send_is_answered = false;     ///< `send` returns the peer's verdict (HTTP); else replies arrive through `handle`.
    bool fetches_data = false;         ///< `fetch` pulls octets; else the kernel sends GetData messages.
    bool pushes_data = false;          ///< `push` uploads octets after an accepted Update; else the peer sends GetData.
    std::int64_t largest_payload = 0;  ///< Bytes of data that one message takes; 0: no limit, or one for each peer.

    /// A line that carries messages and nothing else (MQTT): the kernel asks for data with GetData, and answers with single chunks.
    bool is_packet_line() const { return sends_unasked && !send_is_answered && !fetches_data && !pushes_data; }
};

/// Names octets of one version of an object's data. A packet line's data message does not carry `data_id` and `total`: 0.
struct DataRequest {
    ObjectKey key;
    InstanceId instance_id = 0;
    DataId data_id = 0;
    std::int64_t offset = 0;
    std::int64_t length = 0;  ///< 0: all (then offset is 0).
    std::int64_t total = 0;   ///< The object's size as announced.
};

/// How a call to the peer ended when it did end. Failures of the line are Error{NotConnected} or Error{Timeout}.
struct PeerAnswer {
    Verdict verdict = Verdict::Accepted;
    std::string reason;
    std::vector<std::string> capabilities;  ///< Of the answer to Register and RegisterNew.
};

/// How the line to a broker, or to whatever carries the messages, does; for the health report.
struct LineHealth {
    bool is_connected = false;
    std::string problem;  ///< Empty: none.
    std::uint64_t subscribe_failures = 0;
    std::uint64_t publish_failures = 0;
    std::chrono::seconds since_subscribe_failure{0};  ///< 0: there was none.
    std::chrono::seconds since_publish_failure{0};
    std::chrono::seconds disconnected_for{0};  ///< 0: it is connected.
};

/// What an organization's record says of its broker (docs/security.md): secrets in the clear, not to be logged.
struct BrokerAccount {
    std::string org;
    std::string user;
    std::string password;
    std::string address;  ///< May be empty.
    bool operator==(const BrokerAccount&) const = default;
};

/// Takes octets that `fetch` pulls. Called from the thread of `fetch`. Returning false stops the transfer.
class DataSink {
public:
    virtual ~DataSink() = default;
    /// Before the first octet. `whole` is true when the peer sends the complete data although a range was asked for.
    /// `length`: octets that will follow. `repr_sha256`: digest of the whole data, 32 octets, or empty.
    virtual bool begin(bool whole, std::int64_t length, const std::string& repr_sha256) = 0;
    virtual bool write(std::span<const std::byte> octets) = 0;
};

/// Takes octets that a peer uploads: obtained from TransportHost::receive_data. Calls one after another, on threads that may block.
class DataReceiver {
public:
    virtual ~DataReceiver() = default;
    /// Accepted: go on. Else the verdict is final.
    virtual HandleResult start() = 0;
    /// False: no more octets are wanted, and `finish` tells why.
    virtual bool write(std::span<const std::byte> octets) = 0;
    /// All octets arrived, or `write` returned false. `done` is called once, when they (and perhaps the completion) are durable, from any
    /// thread.
    virtual void finish(std::function<void(HandleResult)> done) = 0;
    /// The octets end too early; there is no verdict.
    virtual void abort() noexcept = 0;
};

/// Octets of one version of an object, opened for one peer.
struct OpenedData {
    Verdict verdict = Verdict::Accepted;
    std::string reason;
    std::unique_ptr<BlobReader> reader;
    std::string sha256;  ///< 32 octets, or empty.
};

struct PollRequest {
    std::size_t limit = 200;
    std::chrono::seconds wait{0};  ///< 0: answer at once. Else park up to the granted time.
};

struct PollResult {
    Verdict verdict = Verdict::Accepted;  ///< UnknownPeer if not registered.
    std::vector<Message> items;
    std::chrono::seconds granted{0};  ///< 0: the wait was not applied.
};

/// The kernel as a transport sees it. Thread-safe.
class TransportHost {
public:
    virtual ~TransportHost() = default;

    virtual NodeRole role() const = 0;
    /// ESS: its own identity. CSS: org "" (or the configured one), type and id "Cloud".
    virtual NodeKey self() const = 0;
    virtual bool is_storage_persistent() const = 0;

    /// Handles a message from `peer` (CSS: the authenticated node; ESS: the CSS, {own org, "Cloud", "Cloud"}). Returns at once or,
    /// when too much is in progress, waits (back-pressure, at most some seconds). `done` is called once, from any thread, when the
    /// verdict is durable, perhaps after Transport::stop; it must not block. Messages of one peer are passed in the order in which it sent
    /// them. The replies go back to it whatever the verdict.
    virtual void handle(const NodeKey& peer, Message message, std::function<void(HandleResult)> done) = 0;

    /// What a polling peer must be told, in order. Damped: what was delivered and not acted upon is withheld for 1 s, 2 s, ... 10 s.
    /// `done` is called once, from any thread. Returns a handle for `cancel_poll` (0 if already answered).
    virtual std::uint64_t poll(const NodeKey& peer, const PollRequest& request, std::function<void(PollResult)> done) = 0;
    /// The parked peer is gone; its `done` will not be called after this returns unless it is running.
    virtual void cancel_poll(std::uint64_t handle) = 0;

    /// Checked for the peer, the record and the instance. May block on disk.
    virtual OpenedData open_data(const NodeKey& peer, const ObjectKey& key, InstanceId instance, DataId data_id) = 0;

    /// Never null. `range.length` is 0 for a whole body; `body_length` -1 when unknown. `repr_sha256`, `content_sha256`: 32 octets or
    /// empty.
    virtual std::unique_ptr<DataReceiver> receive_data(const NodeKey& peer, const DataRequest& range, std::int64_t body_length,
                                                       const std::string& repr_sha256, const std::string& content_sha256) = 0;

    /// Serves `prefix` (e.g. "/spi/v1/") on the kernel's listeners; before `start` returns. The handler must live until `stop` returns.
    virtual void mount(const std::string& prefix, HttpHandler& handler) = 0;
    /// Identity of a node's request by the configured authenticator and X-Sync-Service-Dest (docs/security.md); nullopt: 403.
    virtual std::optional<NodeKey> authenticate_node(const HttpRequest& request) = 0;
    /// ESS: user and password for calls to the CSS whose URL starts with the configured base URL; else empty.
    virtual std::pair<std::string, std::string> credentials_for(const std::string& url) = 0;

    /// ESS: the CSS answered a poll or another call that it does not know this node; the kernel registers again.
    virtual void report_unknown() = 0;

    /// False from the begin of shutdown and before start-up is complete.
    virtual bool is_running() const = 0;
    virtual TimePoint now() const = 0;
    virtual Log& log() = 0;
    virtual const Settings& settings() const = 0;

    // Since ABI 1.1.

    /// A packet line is up, for the first time or again, or it is lost: what was under way is repeated, an ESS registers. Returns at once.
    virtual void line_changed(bool is_connected) { (void)is_connected; }
    /// CSS: the organizations, with what their records say of a broker. Blocks on the store. @throws Error{NotConnected} and others
    virtual std::vector<BrokerAccount> broker_accounts() { return {}; }
    /// CSS: several instances share the store, so that each message must reach one of them only.
    virtual bool is_one_of_several() const { return false; }
    /// CSS inside of the Watson IoT Platform: the messaging group that the nodes of an organization are on; nullopt: none has registered
    /// yet. All instances know the same. Blocks on the store. @throws Error{NotConnected} and others
    virtual std::optional<std::string> messaging_group(const std::string& org) {
        (void)org;
        return std::nullopt;
    }
    /// Durable when it returns. Blocks on the store. @throws as `messaging_group`
    virtual void remember_messaging_group(const std::string& org, const std::string& group) {
        (void)org;
        (void)group;
    }
};

/// Life: configure, start, any number of calls from any thread, drain, stop.
class Transport : public Plugin {
public:
    virtual TransportTraits traits() const noexcept = 0;

    /// Starts threads and connections; must not wait for peers. `host` outlives the plugin. @throws Error: the start of the node stops.
    virtual void start(TransportHost& host) = 0;
    /// No new exchanges: calls of `send`, `fetch` and `push` that are in progress end soon, and later ones throw Error{NotConnected};
    /// what arrives is not passed to the host, which answers parked polls itself. Returns soon.
    virtual void drain() = 0;
    /// Ends threads and connections; after it returns no call to the host is made. Nobody calls the transport at that time, but for what
    /// the host was given: its `done` functions.
    virtual void stop() noexcept = 0;

    /// Sends one message and, if traits().send_is_answered, waits for the peer's verdict (bounded by the plugin's time-outs).
    /// @throws Error{NotConnected}, Error{Timeout}: the kernel repeats it later; Error{Unsupported}: traits().sends_unasked is false;
    /// Error{InvalidRequest}: the line can never take it, because it is too large
    virtual PeerAnswer send(const NodeKey& peer, const Message& message) = 0;

    /// Pulls octets into `sink`. Verdict NotFound: no longer there; Ignored: superseded; Busy: later. @throws as `send`; Error{Unsupported}
    virtual PeerAnswer fetch(const NodeKey& peer, const DataRequest& request, DataSink& sink) = 0;

    /// Uploads octets [offset, offset + length) of `source`. A packet line sends them as one message, unanswered; they are a chunk that
    /// the peer asked for. @throws as `send`; Error{Unsupported}
    virtual PeerAnswer push(const NodeKey& peer, const DataRequest& request, BlobReader& source, const std::string& sha256) = 0;

    /// ESS: the registration was acknowledged (polling may start, exactly one loop) or lost. `peer_capabilities` of the CSS.
    virtual void registration_changed(bool registered, const std::vector<std::string>& peer_capabilities) {
        (void)registered;
        (void)peer_capabilities;
    }

    // Since ABI 1.1.

    /// Bytes of data that one message to the peer takes; 0: no limit is known. May change when the line turns out to take less, or more.
    /// Returns at once.
    virtual std::int64_t largest_payload(const NodeKey& peer) const {
        (void)peer;
        return traits().largest_payload;
    }

    /// What nodes that it carries say for `communication` when they register, "mqtt" for example; empty: the plugin's name.
    virtual std::string communication() const { return {}; }

    /// CSS with is_one_of_several: this instance leads now, or does no longer. Returns at once.
    virtual void leadership_changed(bool leads) { (void)leads; }

    /// nullopt: there is no line of its own whose health would tell anything. Returns at once.
    virtual std::optional<LineHealth> line_health() const { return std::nullopt; }
};

}  // namespace edgesync
