// Keys whose byte order is the order of what they stand for.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "edgesync/sdk/store.h"

namespace edgesync::postgres {

/// Builds a key part by part. A text part is escaped (00 becomes 00 FF) and ends with 00 00, so that no part runs into the next and
/// prefixes are ranges. Parts above 88 octets are their first 48 octets and a SHA-256, because an entry of an index holds 2704 octets
/// at most.
class Key {
public:
    Key() { octets_.reserve(96); }
    Key& text(std::string_view part);
    Key& number(std::int64_t value);     ///< Signed, big-endian with the sign bit flipped.
    Key& sequence(std::uint64_t value);  ///< Unsigned, big-endian.
    Key& octet(std::uint8_t value);
    Key& time(TimePoint value) { return number(value.time_since_epoch().count()); }
    Key& object(const ObjectKey& key) { return text(key.org).text(key.type).text(key.id); }
    Key& node(const NodeKey& key) { return text(key.org).text(key.type).text(key.id); }
    Key& raw(std::string_view octets);
    const std::string& str() const { return octets_; }

private:
    std::string octets_;
};

inline std::string object_key(const ObjectKey& key) { return Key().object(key).str(); }
inline std::string blob_key(const BlobId& id) { return {reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()}; }
/// Reads what `blob_key` wrote; shorter octets are filled up with zeros.
BlobId blob_of(std::string_view octets);

/// Above all keys that start with `prefix`, and below all others that are not below the prefix.
std::string end_of_prefix(std::string prefix);

/// Reads what `Key::sequence` wrote.
std::uint64_t sequence_of(std::string_view octets);

}  // namespace edgesync::postgres
