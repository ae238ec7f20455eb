// The keys of a MapTransaction: octets whose order is that of what they are made of.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "edgesync/sdk/store.h"

namespace edgesync::map {

/// The first octet of a key. Numbers are stored; never renumber.
enum class Table : std::uint8_t {
    Counter = 1,
    Object = 2,
    News = 3,   ///< What updated_objects lists.
    Known = 4,  ///< The same with received ones.
    Addressed = 5,
    Expiring = 6,
    Activating = 7,
    Consumed = 8,
    Delivery = 9,
    DeliveryCount = 10,
    ObjectOfNode = 11,
    Notification = 12,
    NotificationOfPeer = 13,
    Pending = 14,
    Due = 15,
    Transfer = 16,
    Destination = 17,
    Ping = 18,
    Blob = 19,
    SmallData = 20,
    Staged = 21,
    Entry = 22,
    Work = 23,
    WorkTime = 24,
};

/// Built part by part. A text is escaped (00 becomes 00 FF) and ends with 00 00, so that no part runs into the next one.
class Key {
public:
    Key() = default;
    explicit Key(Table table) : octets_(1, static_cast<char>(table)) {}
    Key& text(std::string_view part) {
        for (const char octet : part) {
            octets_ += octet;
            if (octet == '\0') octets_ += '\xFF';
        }
        octets_.append(2, '\0');
        return *this;
    }
    /// ObjectKey, NodeKey
    template <typename Name>
    Key& name(const Name& name) {
        return text(name.org).text(name.type).text(name.id);
    }
    Key& sequence(std::uint64_t value) {
        for (unsigned int shift = 64; shift > 0; shift -= 8) octets_ += static_cast<char>(value >> (shift - 8U));
        return *this;
    }
    /// Negative ones first.
    Key& number(std::int64_t value) { return sequence(static_cast<std::uint64_t>(value) ^ (std::uint64_t{1} << 63U)); }
    Key& time(TimePoint value) { return number(value.time_since_epoch().count()); }
    Key& raw(std::string_view octets) {
        octets_ += octets;
        return *this;
    }
    const std::string& str() const { return octets_; }

private:
    std::string octets_;
};

inline std::uint64_t sequence_in(std::string_view octets) {
    std::uint64_t value = 0;
    for (const char octet : octets.substr(0, 8)) value = (value << 8U) | static_cast<unsigned char>(octet);
    return value;
}

/// The texts that octets consist of.
inline std::vector<std::string> texts_in(std::string_view octets) {
    std::vector<std::string> texts;
    std::string text;
    for (std::size_t i = 0; i + 1 < octets.size(); ++i) {
        text += octets[i];
        if (octets[i] != '\0') continue;
        if (octets[++i] != '\0') continue;  // An escaped zero.
        text.pop_back();
        texts.push_back(std::move(text));
        text.clear();
    }
    return texts;
}

template <typename Name>
Name name_in(std::string_view octets) {
    const auto texts = texts_in(octets);
    return {texts.at(0), texts.at(1), texts.at(2)};
}

inline std::string_view octets_of(const BlobId& id) { return {reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()}; }
inline BlobId blob_in(std::string_view octets) {
    BlobId id;
    std::copy_n(octets.begin(), std::min(octets.size(), id.bytes.size()), reinterpret_cast<char*>(id.bytes.data()));
    return id;
}

/// Above all keys that begin with `prefix`, which is not empty and does not consist of FF alone, and not above any other that is above it.
inline std::string end_of(std::string prefix) {
    while (prefix.back() == '\xFF') prefix.pop_back();
    prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
    return prefix;
}

}  // namespace edgesync::map
