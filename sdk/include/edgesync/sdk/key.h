/// @file
/// Keys for stores that sort octets: their order is the order of what they stand for, and every prefix of parts is a range.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "edgesync/sdk/store.h"

namespace edgesync {

/// Builds a key part by part: `Key().text(org).text(type)` is the prefix of every `Key().text(org).text(type).text(id)` and of no other
/// key. A text is escaped (00 becomes 00 FF) and ends with 00 00, so that no part runs into the next; texts are sorted by their octets,
/// a text before those that it begins. Numbers have eight octets. Names may have 1024 octets, but a key of LMDB 511 and an entry of an
/// index of PostgreSQL 2704: of a text above 88 octets the first 48 and its SHA-256 are taken, so that different texts still have
/// different keys, sorted by those 48 octets. The encoding never changes: it is on disks.
class Key {
public:
    /// The empty prefix.
    Key() { octets_.reserve(96); }
    Key& text(std::string_view part);    ///< A name or another text of any octets.
    Key& number(std::int64_t value);     ///< Signed, big-endian with the sign bit flipped.
    Key& sequence(std::uint64_t value);  ///< Unsigned, big-endian.
    Key& octet(std::uint8_t value);      ///< One octet, as for the number of a table.
    /// As a number of nanoseconds.
    Key& time(TimePoint value) { return number(value.time_since_epoch().count()); }
    /// Its three texts.
    Key& object(const ObjectKey& key) { return text(key.org).text(key.type).text(key.id); }
    /// Its three texts.
    Key& node(const NodeKey& key) { return text(key.org).text(key.type).text(key.id); }
    Key& raw(std::string_view octets);  ///< As they are: the last part, or a piece of fixed size.
    /// What was built so far.
    const std::string& str() const { return octets_; }

private:
    std::string octets_;
};

/// `Key().object(key)` alone.
std::string object_key(const ObjectKey& key);
/// The id's octets.
std::string blob_key(const BlobId& id);
/// Reads what `blob_key` wrote; shorter octets are filled up with zeros.
BlobId blob_of(std::string_view octets);
/// Reads what `Key::sequence` wrote.
std::uint64_t sequence_of(std::string_view octets);

/// Above all keys that start with `prefix`, and below all others that are above them: the end of a scan. Of an empty prefix, and of one
/// of octets FF alone, sixteen octets FF, which no key reaches that begins with a text in UTF-8.
std::string end_of_prefix(std::string prefix);

}  // namespace edgesync
