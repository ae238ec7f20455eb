/// @file
/// What is kept in step: an object's identity, its metadata and the states it goes through (docs/object-states.md).
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
    std::string org;   ///< Organization that it belongs to.
    std::string type;  ///< What kind of thing it is, the applications' word.
    std::string id;    ///< Which one of the type.
    auto operator<=>(const ObjectKey&) const = default;
};

/// Identifies a node (a "destination" when an object is sent to it, an "origin" when it comes from it).
struct NodeKey {
    std::string org;   ///< Organization that it belongs to.
    std::string type;  ///< What kind of node it is; "Cloud" for a CSS.
    std::string id;    ///< Which one of the type; "Cloud" for a CSS.
    auto operator<=>(const NodeKey&) const = default;
};

/// A property that nodes are matched by.
struct PolicyProperty {
    std::string name;        ///< Of the property.
    std::string value_json;  ///< Any JSON scalar, as JSON text; never interpreted.
    std::string type;        ///< As the policy's author wrote it.
    bool operator==(const PolicyProperty&) const = default;
};

/// A service for which a policy places an object.
struct PolicyService {
    std::string org;      ///< Organization of the service.
    std::string arch;     ///< Processor that it runs on.
    std::string name;     ///< Of the service.
    std::string version;  ///< A version range, `[1.0.0,2.0.0)`.
    bool operator==(const PolicyService&) const = default;
};

/// Carried for an external policy engine; the service never evaluates it.
struct DestinationPolicy {
    std::vector<PolicyProperty> properties;  ///< In the author's order.
    std::vector<std::string> constraints;    ///< In the engine's language.
    std::vector<PolicyService> services;     ///< In the author's order.
    std::int64_t timestamp = 0;              ///< Nanoseconds since the epoch; set at every store.
    bool operator==(const DestinationPolicy&) const = default;
};

/// The 32 metadata fields, as docs/api/openapi.json describes them. Names on the wire are given where they differ. Strings may be empty,
/// which is the same as absent, and times are RFC 3339.
struct Metadata {
    std::string object_id;         ///< `objectID`. As in its key.
    std::string object_type;       ///< `objectType`. As in its key.
    std::string org;               ///< `destinationOrgID`. As in its key.
    std::string destination_id;    ///< `destinationID`: the one node that gets it; empty: all of the type.
    std::string destination_type;  ///< `destinationType`: the nodes that get it; empty: all of the organization, unless there is a list or
                                   ///< a policy.
    std::optional<std::vector<std::string>> destinations_list;  ///< `destinationsList`: the nodes that get it, "type:id" each; unset: null.
    std::optional<DestinationPolicy> destination_policy;        ///< `destinationPolicy`: what places it; unset: null.
    std::string expiration;                                     ///< The object is removed after this time; text as given.
    std::string version;                                        ///< The application's own; never interpreted.
    std::string description;                                    ///< Free text.
    std::string link;                                           ///< Where applications find the data; never read.
    bool inactive = false;                                      ///< Not delivered before it is activated.
    std::string activation_time;                                ///< `activationTime`: when that happens by itself; text as given.
    bool no_data = false;                                       ///< `noData`: there is no data at all.
    bool meta_only = false;                                     ///< `metaOnly`: this update has new metadata and keeps the data.
    std::string destination_data_uri;                           ///< `destinationDataUri`: file that a receiving node puts the data into.
    std::string source_data_uri;                                ///< `sourceDataUri`: file of the sending node that has the data.
    std::int32_t consumers = 0;                                 ///< How many applications have to consume it; 2147483647: without limit.
    bool autodelete = false;                                    ///< It expires an hour after all of its nodes consumed it.
    std::string origin_id;                                      ///< `originID`: the node that made it.
    std::string origin_type;                                    ///< `originType`: that node's type.
    bool deleted = false;                                       ///< It was withdrawn; applications shall drop it.
    InstanceId instance_id = 0;                                 ///< `instanceID`. See InstanceId.
    DataId data_id = 0;                                         ///< `dataID`. See DataId.
    std::int64_t object_size = 0;                               ///< `objectSize`: of the data, bytes; 0: unknown or none.
    std::int32_t chunk_size = 0;         ///< `chunkSize`: of the pieces in which nodes exchange the data, bytes; 0: in one piece.
    std::int64_t upload_chunk_size = 0;  ///< `uploadChunkSize`: of the last chunked upload by an application, bytes.
    std::string hash_algorithm;          ///< `hashAlgorithm`: of the signature: "", "SHA1", "SHA256".
    std::string public_key;              ///< `publicKey`: checks the signature; DER in Base64.
    std::string signature;               ///< RSA-PSS over the data, Base64.
    bool is_public = false;              ///< `public`: all who authenticate may read it, of every organization.
    std::string owner_id;                ///< `ownerID`: "organization/user" who wrote it last.
    bool operator==(const Metadata&) const = default;
};

/// Who created the object: this node, or the peer it came from.
enum class Side : std::uint8_t {
    Sender = 0,    ///< This node made it.
    Receiver = 1,  ///< It came from the peer.
};

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
/// The reverse; nullopt for other spellings.
std::optional<ObjectStatus> object_status_from(std::string_view text) noexcept;

/// How far an object is on its way to one destination. Numbers are stored; never renumber.
enum class DeliveryStatus : std::uint8_t {
    Pending = 0,     ///< Not announced yet.
    Delivering = 1,  ///< Announced.
    Delivered = 2,   ///< The node has all of it.
    Consumed = 3,    ///< The node's applications are done with it.
    Deleted = 4,     ///< The node has dropped it.
    Error = 5,       ///< The node said what went wrong.
};

/// The spelling of `GET .../destinations`, e.g. "delivering".
std::string_view to_string(DeliveryStatus status) noexcept;

/// State of the exchange about one object with one peer. Numbers are stored; never renumber.
enum class NotificationStatus : std::uint8_t {
    Update = 0,            ///< sender: to be announced
    UpdatePending = 1,     ///< sender: waits for the poll of the receiver
    Updated = 2,           ///< sender: the receiver has the metadata
    Data = 3,              ///< sender: data is being sent or was sent
    ReceivedByDest = 4,    ///< sender: the receiver has all
    ConsumedByDest = 5,    ///< sender: the receiver's applications are done
    Delete = 6,            ///< sender: the withdrawal is to be sent
    DeletePending = 7,     ///< sender: the withdrawal waits for the poll of the receiver
    AckDelete = 8,         ///< sender: the receiver knows of the withdrawal
    Error = 9,             ///< sender: the receiver said what went wrong
    HandleUpdate = 10,     ///< receiver: the announcement is stored, its data not asked for yet
    GetData = 11,          ///< receiver: data is being received
    Received = 12,         ///< receiver: to be reported
    ReceivedPending = 13,  ///< receiver: the report waits for the poll of the sender
    AckReceived = 14,      ///< receiver: the sender knows
    Consumed = 15,         ///< receiver: to be reported
    ConsumedPending = 16,  ///< receiver: the report waits for the poll of the sender
    AckConsumed = 17,      ///< receiver: the sender knows
    Deleted = 18,          ///< receiver: to be reported
    DeletedPending = 19,   ///< receiver: the report waits for the poll of the sender
    AckDeleted = 20,       ///< receiver: the sender knows
    ReceiverError = 21,    ///< receiver: a failure is to be reported
};

/// The traditional spelling, e.g. "updatePending".
std::string_view to_string(NotificationStatus status) noexcept;

}  // namespace edgesync
