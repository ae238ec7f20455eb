// The URLs of the node protocol (docs/protocol.md): how they are built and taken apart, and which status a verdict has.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "edgesync/sdk/http.h"
#include "edgesync/sdk/message.h"

namespace edgesync::transport_http {

inline constexpr char kPrefix[] = "/spi/v1/";
inline constexpr char kIdentityHeader[] = "X-Sync-Service-Dest";
inline constexpr char kCapabilitiesHeader[] = "X-Sync-Service-Capabilities";
inline constexpr char kCapabilities[] = "wait, digest";

/// What follows "/spi/v1/objects/" for one object.
struct ObjectPath {
    ObjectKey key;
    InstanceId instance_id = 0;
    DataId data_id = 0;
    std::string action;
};

/// Six segments, or five of old nodes (data id 0). nullopt: any other form, or ids that are not decimal int64.
std::optional<ObjectPath> parse_object_path(const std::vector<std::string>& segments);
/// The same for a raw path that starts with "/spi/v1/objects/"; nullopt also for malformed escapes.
std::optional<ObjectPath> object_path_of(std::string_view raw_path);

std::string object_url(const ObjectKey& key, InstanceId instance, DataId data, std::string_view action);

/// Actions whose PUT carries metadata, feedback or nothing; nullopt: unknown.
std::optional<Command> command_of(std::string_view action);

int status_of(Verdict verdict);
/// For a failure that a handler meets before it can ask for a verdict.
int status_of(ErrorKind kind);
/// How the answer of a peer is to be understood; a line's failures (408 429 502 503 504 307) are Busy or Unavailable.
Verdict verdict_of(int status);

/// The seconds of "wait=" in a Prefer header (RFC 7240), at most 300; 0: none or unusable.
int preferred_wait(std::string_view prefer);

/// "wait, digest" as a list.
std::vector<std::string> split_list(std::string_view text);

/// "bytes=a-b", "bytes=a-", "bytes=-n" against a size. nullopt: malformed. begin == end: nothing of the data is meant.
struct RequestedRange {
    std::int64_t begin = 0;
    std::int64_t end = 0;
};
std::optional<RequestedRange> parse_range(std::string_view field, std::int64_t size);

}  // namespace edgesync::transport_http
