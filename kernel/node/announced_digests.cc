#include "kernel/node/announced_digests.h"

namespace edgesync::node {

void AnnouncedDigests::remember(const Key& key, InstanceId instance, const std::string& sha256) {
    const std::lock_guard lock(mutex_);
    if (const auto known = by_key_.find(key); known != by_key_.end()) {
        by_age_.erase(known->second);
        by_key_.erase(known);
    }
    if (sha256.empty()) return;
    by_age_.push_front({key, instance, sha256});
    by_key_[key] = by_age_.begin();
    if (by_age_.size() <= kMost) return;
    by_key_.erase(by_age_.back().key);
    by_age_.pop_back();
}

std::string AnnouncedDigests::of(const Key& key, InstanceId instance) {
    const std::lock_guard lock(mutex_);
    const auto known = by_key_.find(key);
    return known != by_key_.end() && known->second->instance == instance ? known->second->sha256 : std::string{};
}

}  // namespace edgesync::node
