/// @file
/// The contract of a transport plugin: it moves messages and data between this node and its peers. It holds no rule of the
/// object life cycle; the kernel answers every message with a verdict (docs/writing-a-transport.md).
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
    ObjectKey key;               ///< The object.
    InstanceId instance_id = 0;  ///< Its version.
    DataId data_id = 0;          ///< That of its data.
    std::int64_t offset = 0;     ///< First octet.
    std::int64_t length = 0;     ///< 0: all (then offset is 0).
    std::int64_t total = 0;      ///< The object's size as announced.
};

/// How a call to the peer ended when it did end. Failures of the line are Error{NotConnected} or Error{Timeout}.
struct PeerAnswer {
    Verdict verdict = Verdict::Accepted;    ///< What the peer said.
    std::string reason;                     ///< For logs; empty when accepted.
    std::vector<std::string> capabilities;  ///< Of the answer to Register and RegisterNew.
};

/// How the line to a broker, or to whatever carries the messages, does; for the health report.
struct LineHealth {
    bool is_connected = false;                        ///< False: health is red.
    std::string problem;                              ///< Empty: none.
    std::uint64_t subscribe_failures = 0;             ///< Of receiving, since the start.
    std::uint64_t publish_failures = 0;               ///< Of sending, since the start.
    std::chrono::seconds since_subscribe_failure{0};  ///< 0: there was none.
    std::chrono::seconds since_publish_failure{0};    ///< 0: there was none.
    std::chrono::seconds disconnected_for{0};         ///< 0: it is connected.
};

/// What an organization's record says of its broker (docs/security.md): secrets in the clear, not to be logged.
struct BrokerAccount {
    std::string org;       ///< Whose it is.
    std::string user;      ///< For the broker.
    std::string password;  ///< For the broker.
    std::string address;   ///< May be empty.
    bool operator==(const BrokerAccount&) const = default;
};

/// Takes octets that `fetch` pulls. Called from the thread of `fetch`, before that returns; may block on disk. Returning false stops the
/// transfer: the transport reads no more and returns what the peer said. May throw Error{NoSpace} and others, to be passed through.
class DataSink {
public:
    virtual ~DataSink() = default;
    /// Before the first octet. `whole` is true when the peer sends the complete data although a range was asked for.
    /// `length`: octets that will follow. `repr_sha256`: digest of the whole data, 32 octets, or empty.
    virtual bool begin(bool whole, std::int64_t length, const std::string& repr_sha256) = 0;
    /// The next octets in their order, in pieces of any size.
    virtual bool write(std::span<const std::byte> octets) = 0;
};

/// Takes octets that a peer uploads: obtained from TransportHost::receive_data. Calls one after another, on threads that may block:
/// `start`; if that accepts, `write` as often as there are octets, then `finish` or `abort`. Kept until `done` was called or `abort`
/// returned.
class DataReceiver {
public:
    virtual ~DataReceiver() = default;
    /// Accepted: go on. Else the verdict is final, and no other call follows.
    virtual HandleResult start() = 0;
    /// The next octets in their order. False: no more octets are wanted, and `finish` tells why.
    virtual bool write(std::span<const std::byte> octets) = 0;
    /// All octets arrived, or `write` returned false. `done` is called once, when they (and perhaps the completion) are durable, from any
    /// thread, perhaps before `finish` returns; it must not block.
    virtual void finish(std::function<void(HandleResult)> done) = 0;
    /// The octets end too early; there is no verdict.
    virtual void abort() noexcept = 0;
};

/// Octets of one version of an object, opened for one peer.
struct OpenedData {
    Verdict verdict = Verdict::Accepted;  ///< Anything else: there is no reader.
    std::string reason;                   ///< For logs and error bodies; empty when accepted.
    std::unique_ptr<BlobReader> reader;   ///< Goes on reading this version whatever becomes of the object.
    std::string sha256;                   ///< 32 octets, or empty.
};

/// What a polling peer asks for.
struct PollRequest {
    std::size_t limit = 200;       ///< Of messages in the answer.
    std::chrono::seconds wait{0};  ///< 0: answer at once. Else park up to the granted time.
};

/// What a polling peer is told.
struct PollResult {
    Verdict verdict = Verdict::Accepted;  ///< UnknownPeer if not registered.
    std::vector<Message> items;           ///< In the order in which they are to be told.
    std::chrono::seconds granted{0};      ///< 0: the wait was not applied.
};

/// The kernel as a transport sees it. Thread-safe, from the begin of `Transport::start` to the end of `Transport::stop`. Not to be called
/// with a lock held that functions of the transport take: what is said to call back does so before it returns.
class TransportHost {
public:
    virtual ~TransportHost() = default;

    /// Which side this is.
    virtual NodeRole role() const = 0;
    /// ESS: its own identity. CSS: org "" (or the configured one), type and id "Cloud".
    virtual NodeKey self() const = 0;
    /// What this node says of its store when it registers.
    virtual bool is_storage_persistent() const = 0;

    /// Handles a message from `peer` (CSS: the authenticated node; ESS: the CSS, {own org, "Cloud", "Cloud"}). On a CSS, and
    /// over a packet line, it returns at once. On an ESS with another line an Update may wait, as back-pressure, until fewer small objects
    /// are being fetched, or be used to fetch one: then `Transport::fetch` is called before this returns; and the answer to a registration
    /// may block on the store. `done` is called once, from any thread, perhaps before this returns, when the verdict is durable, perhaps
    /// after Transport::stop; it must not block. Messages of one peer are passed in the order in which it sent them. The replies go back to
    /// it whatever the verdict.
    virtual void handle(const NodeKey& peer, Message message, std::function<void(HandleResult)> done) = 0;

    /// What a polling peer must be told, in order. Damped: what was delivered and not acted upon is withheld for 1 s, 2 s, ... 10 s. A peer
    /// has one parked poll: a new one answers the one before with nothing. `done` is called once, from any thread, perhaps before this
    /// returns; it must not block. May read the store on the calling thread. Returns a handle for `cancel_poll`; if it was answered
    /// already, 0 or one that is ignored.
    virtual std::uint64_t poll(const NodeKey& peer, const PollRequest& request, std::function<void(PollResult)> done) = 0;
    /// The parked peer is gone; its `done` will not be called after this returns unless it is running. Unknown handles and those of
    /// answered polls are ignored.
    virtual void cancel_poll(std::uint64_t handle) = 0;

    /// CSS: what a peer asks for, checked for the peer, the record and the instance; `data_id` is not compared. May block on the store.
    virtual OpenedData open_data(const NodeKey& peer, const ObjectKey& key, InstanceId instance, DataId data_id) = 0;

    /// What a peer uploads, or one data message of a packet line. Never null; returns at once. `range.length` is 0 for a whole body;
    /// `body_length` -1 when unknown. `repr_sha256`, `content_sha256`: 32 octets or empty.
    virtual std::unique_ptr<DataReceiver> receive_data(const NodeKey& peer, const DataRequest& range, std::int64_t body_length,
                                                       const std::string& repr_sha256, const std::string& content_sha256) = 0;

    /// Serves `prefix` (e.g. "/spi/v1/") on the kernel's listeners, which open after all transports have started; to be called before
    /// `start` returns. The handler must live until `stop` is called.
    virtual void mount(const std::string& prefix, HttpHandler& handler) = 0;
    /// Identity of a node's request by the configured authenticator and X-Sync-Service-Dest (docs/security.md); nullopt: 403.
    /// Where it may block, the kernel has called the handler on a worker. @throws Error{NotConnected} and others
    virtual std::optional<NodeKey> authenticate_node(const HttpRequest& request) = 0;
    /// ESS: user and password for calls to the CSS whose URL starts with the configured base URL; else empty.
    virtual std::pair<std::string, std::string> credentials_for(const std::string& url) = 0;

    /// ESS: the CSS answered a poll or another call that it does not know this node; the kernel registers again. Calls
    /// `registration_changed(false)` before it returns.
    virtual void report_unknown() = 0;

    /// False from the begin of shutdown and before start-up is complete.
    virtual bool is_running() const = 0;
    /// The node's time, which all instances of a cluster agree on; not for measuring durations.
    virtual TimePoint now() const = 0;
    /// The one that was given to `configure`: it begins each line with the plugin's name.
    virtual Log& log() = 0;
    /// Those that were given to `configure`.
    virtual const Settings& settings() const = 0;

    // Since ABI 1.1.

    /// A packet line is up, for the first time or again, or it is lost: what was under way is repeated, an ESS registers. Returns
    /// at once; on an ESS that was registered it calls `registration_changed(false)` before.
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
    /// Sets what `messaging_group` returns; durable when it returns. Blocks on the store. @throws as `messaging_group`
    virtual void remember_messaging_group(const std::string& org, const std::string& group) {
        (void)org;
        (void)group;
    }
};

/// Life: configure, start, any number of calls from any thread, drain, stop. `drain` and `stop` are called whether `start` returned or
/// threw; if an earlier step failed, neither is. Calls of `send`, `fetch`, `push` and the others may come as soon as `start` has begun,
/// several at once, also from the transport's own threads while they call the host.
class Transport : public Plugin {
public:
    /// Asked again and again, from any thread, after `configure`.
    virtual TransportTraits traits() const noexcept = 0;

    /// Starts threads and connections; must not wait for peers. `host` lives until `stop` has returned. On the
    /// main thread. @throws Error: the start of the node stops.
    virtual void start(TransportHost& host) = 0;
    /// No new exchanges: calls of `send`, `fetch` and `push` that are in progress end soon, and later ones throw Error{NotConnected};
    /// what arrives is not passed to the host, which answers parked polls itself. Returns soon. On the main thread.
    virtual void drain() = 0;
    /// Ends threads and connections, those of a `start` that threw as well; after it returns no call to the host is made. Nobody calls the
    /// transport at that time, but for what the host was given: its `done` functions. On the main thread.
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

    /// ESS: the registration was acknowledged (polling may start, exactly one loop) or lost. `peer_capabilities` of the CSS. On a worker or
    /// on whatever thread called the host; returns at once. The default does nothing.
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

    /// Whether this instance leads: once after all transports have started, and at every change; without a cluster an instance always
    /// leads. On the main thread or a worker; returns at once. The default does nothing.
    virtual void leadership_changed(bool leads) { (void)leads; }

    /// nullopt: there is no line of its own whose health would tell anything. From any thread, whenever somebody asks for the health;
    /// returns at once.
    virtual std::optional<LineHealth> line_health() const { return std::nullopt; }
};

}  // namespace edgesync
