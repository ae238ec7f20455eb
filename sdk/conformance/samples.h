// Records to store, and how they are shown and compared.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "edgesync/sdk/store.h"

namespace edgesync::conformance {

/// An instant `seconds` after a fixed one in 2023; several orders of magnitude away from both ends of TimePoint.
TimePoint at(std::int64_t seconds);

ObjectKey object_key(const std::string& id, const std::string& type = "type", const std::string& org = "org");
NodeKey node_key(const std::string& id, const std::string& type = "node", const std::string& org = "org");

/// A ready object of this node that addresses the whole org.
ObjectRecord sender_object(const ObjectKey& key);
/// An object that came from a peer.
ObjectRecord receiver_object(const ObjectKey& key, ObjectStatus status, InstanceId instance);
/// Every field of the record and its metadata differs from its default.
ObjectRecord full_object(const ObjectKey& key);

DeliveryRecord delivery(const ObjectKey& object, const NodeKey& node, DeliveryStatus status = DeliveryStatus::Pending);
NotificationRecord notification(const ObjectKey& object, const NodeKey& peer, NotificationStatus status, std::int64_t resend_second = 0);
DestinationRecord destination(const NodeKey& node, std::int64_t ping_second = 0);
BlobRecord blob_record(const BlobId& id, BlobState state, std::int64_t total);

/// Octets that differ at every offset and from seed to seed.
std::vector<std::byte> octets(std::uint64_t seed, std::size_t size);

/// Reads the whole blob in pieces of 1000 octets.
std::vector<std::byte> content_of(BlobReader& reader);

/// The names of the fields that differ, e.g. "meta.version, expires"; empty if the records are equal.
std::string differences(const ObjectRecord& a, const ObjectRecord& b);

// What a list is compared by: short, and unique within one test.
std::string name_of(const ObjectRecord& record);
std::string name_of(const ObjectKey& key);
std::string name_of(const NodeKey& key);
std::string name_of(const DeliveryRecord& record);
std::string name_of(const NotificationRecord& record);
std::string name_of(const DestinationRecord& record);
std::string name_of(const Entry& entry);
std::string name_of(const WorkItem& item);

template <typename T>
std::vector<std::string> names_of(const std::vector<T>& items) {
    std::vector<std::string> out;
    for (const T& item : items) out.push_back(name_of(item));
    return out;
}

template <typename T>
Page<std::string> names_of(const Page<T>& page) {
    return {names_of(page.items), page.next};
}

using Names = std::vector<std::string>;

}  // namespace edgesync::conformance
