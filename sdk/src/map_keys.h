// The keys of a MapTransaction (key.h), and names as they were: in a key, a long one is shortened.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "edgesync/sdk/key.h"

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

inline Key in(Table table) { return Key().octet(static_cast<std::uint8_t>(table)); }

/// Each with its length before it.
inline std::string texts_of(const std::vector<std::string>& texts) {
    Key octets;
    for (const auto& text : texts) octets.sequence(text.size()).raw(text);
    return octets.str();
}

/// The first `count` of them, and what follows.
inline std::pair<std::vector<std::string>, std::string_view> texts_in(std::string_view octets, std::size_t count) {
    std::vector<std::string> texts;
    while (texts.size() < count && octets.size() >= 8) {
        const std::string_view text = octets.substr(8, sequence_of(octets));
        texts.emplace_back(text);
        octets.remove_prefix(8 + text.size());
    }
    return {std::move(texts), octets};
}

/// ObjectKey, NodeKey
template <typename Name>
std::string name_of(const Name& name) {
    return texts_of({name.org, name.type, name.id});
}
template <typename Name>
Name name_in(std::string_view octets) {
    const auto texts = texts_in(octets, 3).first;
    return {texts.at(0), texts.at(1), texts.at(2)};
}

}  // namespace edgesync::map
