/// @file
/// Canonical encodings: the JSON of metadata and the compact record format that embedded stores may use.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "edgesync/sdk/message.h"
#include "edgesync/sdk/object.h"
#include "edgesync/sdk/store.h"

/// Thread-safe functions without state: what travels between nodes and what stores may keep, as octets.
namespace edgesync::codec {

/// Appends all 32 fields in the traditional order, compact, absent lists and policies as null.
void append_json(std::string& out, const Metadata& meta);
/// The same as a string of its own.
std::string to_json(const Metadata& meta);
/// The policy alone, as inside metadata.
void append_json(std::string& out, const DestinationPolicy& policy);

/// Appends `text` as a quoted JSON string (control characters, quotes, backslash escaped; UTF-8 kept; invalid UTF-8 replaced).
void append_json_string(std::string& out, std::string_view text);

/// Reads metadata: names in any case, unknown names ignored, null keeps the default. @throws Error{InvalidRequest} with the place of
/// the mistake; nesting above 64 levels, more than 200,000 values and numbers outside the field's width are mistakes.
Metadata metadata_from_json(std::string_view json);

/// The body of an object's PUT: {"meta":{..},"data":"<Base64>"}; absent and null `data` are the same, "" is data of length zero.
struct PutBody {
    bool has_meta = false;  ///< The body had `meta`.
    Metadata meta;          ///< Default values without it.
    bool has_data = false;  ///< The body had `data` that is not null.
    std::string data;       ///< Decoded.
};
/// Reads it. @throws Error{InvalidRequest}; "EOF" for an empty body.
PutBody put_body_from_json(std::string_view json);

/// Standard alphabet with padding.
std::string base64_encode(std::string_view octets);
/// Ignores CR and LF. nullopt: not Base64.
std::optional<std::string> base64_decode(std::string_view text);

/// Feedback body of the node protocol: {"Code":..,"RetryInterval":..,"Reason":".."}.
std::string to_json(const FeedbackDetail& feedback);
/// Reads one, names in any case. @throws Error{InvalidRequest}
FeedbackDetail feedback_from_json(std::string_view json);

/// Items of a poll answer: [{"Type":"update","MetaData":{..},"digest":"sha-256=:..:"}].
std::string poll_items_to_json(const std::vector<Message>& items);
/// Reads them; unknown types are skipped. @throws Error{InvalidRequest}
std::vector<Message> poll_items_from_json(std::string_view json);

/// "sha-256=:<base64>:" (RFC 9530) of 32 octets.
std::string to_digest_field(std::string_view sha256);
/// The 32 octets; "" when there is no usable sha-256 value.
std::string sha256_from_digest_field(std::string_view field);

/// A transport that is only a packet pipe (a broker, a serial line, a folder) moves commands and data in these packets, the traditional
/// ones of MQTT. A payload is either; what is neither is dropped without an answer.
bool is_data_message(std::string_view payload) noexcept;

/// What `command_from_json` found.
struct DecodedCommand {
    Message message;      ///< `protocol` and `code_version` are those of the destination.
    NodeKey destination;  ///< The node that registers or asks; empty in commands about an object. Nothing proves it.
};

/// A command as compact JSON, keys in the traditional order, all of `meta` and `destination` always present. `destination` is the node
/// that registers or asks and is used in Register, RegisterNew, Ping, Resend and AckResend alone; `communication` is the protocol it
/// shall be known by ("mqtt" for all that is one). Capabilities, and the digest of an Update, are keys that a traditional peer ignores.
/// @throws Error{Unsupported} for Unregister, which has no packet.
std::string command_to_json(const Message& message, const NodeKey& destination, std::string_view communication);
/// Reads one: names in any case, unknown names ignored, `meta` and `destination` may be missing. nullopt: well-formed, but no command that
/// is known.
/// @throws Error{InvalidRequest} for other JSON, a version that is not exactly 1.0, and what `metadata_from_json` refuses.
std::optional<DecodedCommand> command_from_json(std::string_view json);

/// Octets [offset, offset + data.size()) of one version of an object.
struct DataMessage {
    ObjectKey key;               ///< `org` may be empty.
    InstanceId instance_id = 0;  ///< The version.
    std::int64_t offset = 0;     ///< Of the first octet.
    std::string_view data;       ///< Into the payload.
    bool is_cut_short = false;   ///< The payload ended before `data` did: an error of the line, to be told by feedback code 2.
};

/// What precedes the `length` octets of the data in a packet, which end with them.
/// @throws Error{InvalidRequest} for more octets, or longer names, than a packet can have.
std::string encode_data_header(const ObjectKey& key, InstanceId instance, std::int64_t offset, std::size_t length);
/// Reads one: fields in any order, the last of a kind counts, a missing org, offset or instance is empty or 0, unknown fields are skipped
/// and octets after the last field ignored (traditional senders pad). Copies no data and allocates no more than names of 1024 octets.
/// @throws Error{InvalidRequest} for everything else: another version, no type, id or data, a negative offset, a length that is not there.
DataMessage decode_data(std::string_view payload);

/// @{
/// A record as octets, for stores that keep them so: compact, beginning with a format number; equal records have equal encodings.
/// @throws Error{Corrupt} decode_*, for anything that `encode` did not make
std::string encode(const ObjectRecord& record);
ObjectRecord decode_object(std::string_view octets);
std::string encode(const NotificationRecord& record);
NotificationRecord decode_notification(std::string_view octets);
std::string encode(const DeliveryRecord& record);
DeliveryRecord decode_delivery(std::string_view octets);
std::string encode(const DestinationRecord& record);
DestinationRecord decode_destination(std::string_view octets);
std::string encode(const BlobRecord& record);
BlobRecord decode_blob(std::string_view octets);
std::string encode(const WorkItem& record);
WorkItem decode_work(std::string_view octets);
/// @}

}  // namespace edgesync::codec
