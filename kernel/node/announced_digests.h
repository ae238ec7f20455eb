// CSS: digests that updates named, until the data comes that they are about.
#pragma once

#include <cstddef>
#include <list>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "edgesync/sdk/object.h"

namespace edgesync::node {

/// Of the newest announcement of each object of each node; the ones that are too many forget the oldest. Thread-safe. A chunk may reach
/// another instance of the CSS than its update did; then nobody compares, as with nodes that announce no digest.
class AnnouncedDigests {
public:
    using Key = std::pair<NodeKey, ObjectKey>;

    /// `sha256`: 32 octets, or empty.
    void remember(const Key& key, InstanceId instance, const std::string& sha256);
    /// Empty: none is known for this version.
    std::string of(const Key& key, InstanceId instance);

private:
    static constexpr std::size_t kMost = 10000;
    struct Announced {
        Key key;
        InstanceId instance = 0;
        std::string sha256;
    };

    std::mutex mutex_;
    std::list<Announced> by_age_;  ///< The newest is first.
    std::map<Key, std::list<Announced>::iterator> by_key_;
};

}  // namespace edgesync::node
