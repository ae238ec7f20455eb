/// @file
/// What two nodes tell each other about objects, whatever carries it (docs/protocol.md).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "edgesync/sdk/object.h"

namespace edgesync {

/// What a message is. "Node" is an ESS, "cloud" a CSS; the sender of an object is either, its receiver the other.
enum class Command : std::uint8_t {
    Register,       ///< Node to cloud: it is there, and keeps what it knew.
    RegisterNew,    ///< Node to cloud: it is there, and knows nothing of earlier exchanges.
    RegAck,         ///< Cloud to node: the registration is durable.
    RegisterAsNew,  ///< Cloud to node: it is not known and shall send RegisterNew.
    Ping,           ///< Node to cloud: it is alive. Not answered when all is well.
    Unregister,     ///< Node to cloud: it leaves for good.
    Resend,         ///< Node to cloud: what it should have is to be announced again.
    AckResend,      ///< Cloud to node: that has begun.
    Update,         ///< Sender to receiver: there is this version of an object; its data comes by itself or is asked for.
    Updated,        ///< Receiver to sender: the metadata is durable, the data is still missing.
    GetData,        ///< Receiver to sender, on a packet line: the data from `offset` on is wanted, one chunk of it.
    Received,       ///< Receiver to sender: everything is durable.
    AckReceived,    ///< Sender to receiver: it knows.
    Consumed,       ///< Receiver to sender: the applications are done with it.
    AckConsumed,    ///< Sender to receiver: it knows.
    Delete,         ///< Sender to receiver: the object is withdrawn.
    AckDelete,      ///< Receiver to sender: it knows, and its applications are told.
    Deleted,        ///< Receiver to sender: the applications have dropped it.
    AckDeleted,     ///< Sender to receiver: it knows.
    Feedback,       ///< Either way: what went wrong with an object.
};

/// The spelling of the traditional protocol, e.g. "ackreceived", "ackDelete".
const char* to_string(Command command) noexcept;

/// What a Feedback message says.
struct FeedbackDetail {
    std::int32_t code = 0;           ///< 1 internal, 2 I/O, 3 security, 4 path, 5 unknown object; >= 10000 informational.
    std::int32_t retry_seconds = 0;  ///< 0: the sender's default.
    std::string reason;              ///< For humans.
    bool from_origin = false;        ///< The object's sender says it, about data that it was asked for; else its receiver.
};

/// One message between two nodes. Which fields mean something depends on the command; the others are as they are by default.
struct Message {
    Command command = Command::Ping;  ///< What it is.
    /// Update, Delete, Deleted: the whole metadata. The others about an object: key, instance_id and data_id.
    /// Register, RegisterNew, Ping, Unregister, Resend: empty.
    Metadata meta;
    std::int64_t offset = 0;                ///< GetData: first octet that is wanted.
    bool is_persistent = false;             ///< Register, RegisterNew, Ping: the node's store survives power loss.
    std::string protocol;                   ///< Register, RegisterNew: what the node's way is called, set by the receiving transport.
    std::string code_version;               ///< Register, RegisterNew: "1.0".
    FeedbackDetail feedback;                ///< Feedback: its content.
    std::string sha256;                     ///< Update: digest of the data, 32 octets, when known.
    std::vector<std::string> capabilities;  ///< Register, RegisterNew, RegAck, GetData: tokens of docs/protocol.md.

    /// The object that it is about.
    ObjectKey key() const { return {meta.org, meta.object_type, meta.object_id}; }
};

/// What became of a message.
enum class Verdict : std::uint8_t {
    Accepted,     ///< Durable.
    Ignored,      ///< Stale or repeated; repeating it does not help (HTTP 409).
    UnknownPeer,  ///< The peer is not registered (HTTP 424; 404 for register and ping).
    NotFound,     ///< The data it asks for does not exist (HTTP 404).
    Invalid,      ///< Breaks the protocol (HTTP 400).
    Refused,      ///< Not allowed (HTTP 403).
    Busy,         ///< Try again soon (HTTP 429).
    Unavailable,  ///< The store is away, or the node starts or stops (HTTP 503).
    Failed,       ///< Any other failure (HTTP 500).
};

/// How the kernel answers a message, or uploaded data.
struct HandleResult {
    Verdict verdict = Verdict::Accepted;  ///< What became of it.
    std::vector<Message> replies;         ///< In order. A transport whose protocol implies them drops them.
    std::string reason;                   ///< For logs and error bodies; empty when accepted.
};

}  // namespace edgesync
