// What two nodes tell each other about objects, whatever carries it (docs/protocol.md).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "edgesync/sdk/object.h"

namespace edgesync {

enum class Command : std::uint8_t {
    Register,
    RegisterNew,
    RegAck,
    RegisterAsNew,
    Ping,
    Unregister,
    Resend,
    AckResend,
    Update,
    Updated,
    GetData,
    Received,
    AckReceived,
    Consumed,
    AckConsumed,
    Delete,
    AckDelete,
    Deleted,
    AckDeleted,
    Feedback,
};

/// The spelling of the traditional protocol, e.g. "ackreceived", "ackDelete".
const char* to_string(Command command) noexcept;

struct FeedbackDetail {
    std::int32_t code = 0;           ///< 1 internal, 2 I/O, 3 security, 4 path, 5 unknown object; >= 10000 informational.
    std::int32_t retry_seconds = 0;  ///< 0: the sender's default.
    std::string reason;
    bool from_origin = false;
};

struct Message {
    Command command = Command::Ping;
    /// Update, Delete, Deleted: the whole metadata. The others about an object: key, instance_id and data_id.
    /// Register, RegisterNew, Ping, Unregister, Resend: empty.
    Metadata meta;
    std::int64_t offset = 0;                ///< GetData
    bool is_persistent = false;             ///< Register, RegisterNew, Ping
    std::string protocol;                   ///< Register, RegisterNew: the carrying transport's name
    std::string code_version;               ///< Register, RegisterNew
    FeedbackDetail feedback;                ///< Feedback
    std::string sha256;                     ///< Update: digest of the data, 32 octets, when known
    std::vector<std::string> capabilities;  ///< Register, RegisterNew, RegAck, GetData

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

struct HandleResult {
    Verdict verdict = Verdict::Accepted;
    std::vector<Message> replies;  ///< In order. A transport whose protocol implies them drops them.
    std::string reason;            ///< For logs and error bodies; empty when accepted.
};

}  // namespace edgesync
