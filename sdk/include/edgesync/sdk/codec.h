// Canonical encodings: the JSON of metadata and the compact record format that embedded stores may use.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "edgesync/sdk/message.h"
#include "edgesync/sdk/object.h"
#include "edgesync/sdk/store.h"

namespace edgesync::codec {

/// Appends all 32 fields in the traditional order, compact, absent lists and policies as null.
void append_json(std::string& out, const Metadata& meta);
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
    bool has_meta = false;
    Metadata meta;
    bool has_data = false;
    std::string data;  ///< Decoded.
};
/// @throws Error{InvalidRequest}; "EOF" for an empty body.
PutBody put_body_from_json(std::string_view json);

/// Standard alphabet with padding; decoding ignores CR and LF. nullopt: not Base64.
std::string base64_encode(std::string_view octets);
std::optional<std::string> base64_decode(std::string_view text);

/// Feedback body of the node protocol: {"Code":..,"RetryInterval":..,"Reason":".."}.
std::string to_json(const FeedbackDetail& feedback);
FeedbackDetail feedback_from_json(std::string_view json);

/// Items of a poll answer: [{"Type":"update","MetaData":{..},"digest":"sha-256=:..:"}].
std::string poll_items_to_json(const std::vector<Message>& items);
/// Unknown types are skipped.
std::vector<Message> poll_items_from_json(std::string_view json);

/// "sha-256=:<base64>:" (RFC 9530) <-> 32 octets; parsing returns "" when there is no usable sha-256 value.
std::string to_digest_field(std::string_view sha256);
std::string sha256_from_digest_field(std::string_view field);

/// Compact, versioned binary records; equal records have equal encodings. decode_* @throws Error{Corrupt}
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

}  // namespace edgesync::codec
