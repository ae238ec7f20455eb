// What is kept in step: an object's identity, its metadata and the states it goes through (docs/object-states.md).
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace edgesync {

/// An instant with the resolution that is stored, UTC.
using TimePoint = std::chrono::sys_time<std::chrono::nanoseconds>;

/// The version of metadata and data, issued by the node that owns the object; strictly increasing per object.
using InstanceId = std::int64_t;

/// The version of the data alone: the instance id of the store that brought the data. 0: no data yet.
using DataId = std::int64_t;

/// Identifies an object. Each part is a valid name (letters, numbers, `| ! @ # $ ^ * - _ . ~`), at most 1024 bytes.
struct ObjectKey {
    std::string org;
    std::string type;
    std::string id;
    auto operator<=>(const ObjectKey&) const = default;
};

/// Identifies a node (a "destination" when an object is sent to it, an "origin" when it comes from it).
struct NodeKey {
    std::string org;
    std::string type;
    std::string id;
    auto operator<=>(const NodeKey&) const = default;
};

struct PolicyProperty {
    std::string name;
    std::string value_json;  ///< Any JSON scalar, as JSON text; never interpreted.
    std::string type;
    bool operator==(const PolicyProperty&) const = default;
};

struct PolicyService {
    std::string org;
    std::string arch;
    std::string name;
    std::string version;  ///< A version range, `[1.0.0,2.0.0)`.
    bool operator==(const PolicyService&) const = default;
};

/// Carried for an external policy engine; the service never evaluates it.
struct DestinationPolicy {
    std::vector<PolicyProperty> properties;
    std::vector<std::string> constraints;
    std::vector<PolicyService> services;
    std::int64_t timestamp = 0;  ///< Nanoseconds since the epoch; set at every store.
    bool operator==(const DestinationPolicy&) const = default;
};

/// The 32 metadata fields; names on the wire are given where they differ (docs/protocol.md).
struct Metadata {
    std::string object_id;                                      // objectID
    std::string object_type;                                    // objectType
    std::string org;                                            // destinationOrgID
    std::string destination_id;                                 // destinationID
    std::string destination_type;                               // destinationType
    std::optional<std::vector<std::string>> destinations_list;  // destinationsList, entries "type:id"; unset: null
    std::optional<DestinationPolicy> destination_policy;        // destinationPolicy; unset: null
    std::string expiration;                                     // RFC 3339, as given
    std::string version;
    std::string description;
    std::string link;
    bool inactive = false;
    std::string activation_time;       // activationTime, RFC 3339
    bool no_data = false;              // noData
    bool meta_only = false;            // metaOnly
    std::string destination_data_uri;  // destinationDataUri
    std::string source_data_uri;       // sourceDataUri
    std::int32_t consumers = 0;        // 2147483647: unlimited
    bool autodelete = false;
    std::string origin_id;    // originID
    std::string origin_type;  // originType
    bool deleted = false;
    InstanceId instance_id = 0;          // instanceID
    DataId data_id = 0;                  // dataID
    std::int64_t object_size = 0;        // objectSize, bytes
    std::int32_t chunk_size = 0;         // chunkSize, bytes
    std::int64_t upload_chunk_size = 0;  // uploadChunkSize, bytes
    std::string hash_algorithm;          // hashAlgorithm: "", "SHA1", "SHA256"
    std::string public_key;              // publicKey, Base64 DER
    std::string signature;               // Base64
    bool is_public = false;              // public
    std::string owner_id;                // ownerID
    bool operator==(const Metadata&) const = default;
};

/// Who created the object: this node, or the peer it came from.
enum class Side : std::uint8_t { Sender = 0, Receiver = 1 };

/// The life cycle of an object on one node. Numbers are stored; never renumber.
enum class ObjectStatus : std::uint8_t {
    NotReady = 0,                    ///< sender: waits for data
    Verifying = 1,                   ///< sender: signature check or assembly runs
    VerificationFailed = 2,          ///< sender: check failed, data removed
    Ready = 3,                       ///< sender: may be distributed
    PartiallyReceived = 4,           ///< receiver: data is missing
    ReceiverVerifying = 5,           ///< receiver: signature check runs
    ReceiverVerificationFailed = 6,  ///< receiver: check failed, data removed
    CompletelyReceived = 7,          ///< receiver: all here, applications not told yet
    ObjReceived = 8,                 ///< receiver: every expected application called `received`
    ObjConsumed = 9,                 ///< receiver: every expected application called `consumed`
    ObjDeleted = 10,                 ///< both: tombstone
    ConsumedByDest = 11,             ///< sender (ESS): the CSS consumed it; metadata kept for reporting
};

/// The spelling stored by clients and returned by `GET .../status`, e.g. "partiallyreceived".
std::string_view to_string(ObjectStatus status) noexcept;
std::optional<ObjectStatus> object_status_from(std::string_view text) noexcept;

/// How far an object is on its way to one destination.
enum class DeliveryStatus : std::uint8_t { Pending = 0, Delivering = 1, Delivered = 2, Consumed = 3, Deleted = 4, Error = 5 };

std::string_view to_string(DeliveryStatus status) noexcept;

/// State of the exchange about one object with one peer. Numbers are stored; never renumber.
enum class NotificationStatus : std::uint8_t {
    Update = 0,
    UpdatePending = 1,
    Updated = 2,
    Data = 3,
    ReceivedByDest = 4,
    ConsumedByDest = 5,
    Delete = 6,
    DeletePending = 7,
    AckDelete = 8,
    Error = 9,
    HandleUpdate = 10,
    GetData = 11,
    Received = 12,
    ReceivedPending = 13,
    AckReceived = 14,
    Consumed = 15,
    ConsumedPending = 16,
    AckConsumed = 17,
    Deleted = 18,
    DeletedPending = 19,
    AckDeleted = 20,
    ReceiverError = 21,
};

std::string_view to_string(NotificationStatus status) noexcept;

}  // namespace edgesync
