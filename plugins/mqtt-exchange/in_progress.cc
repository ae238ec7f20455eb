#include "in_progress.h"

namespace edgesync::mqtt_exchange {

bool InProgress::run(const Key& key, Begin work) {
    {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return is_stopped_ || count_ < limit_; });
        if (is_stopped_) return false;
        ++count_;
        const auto [found, is_first] = keys_.try_emplace(key);
        if (!is_first) {
            found->second.push_back(std::move(work));
            return true;
        }
    }
    begin(key, std::move(work));
    return true;
}

void InProgress::begin(const Key& key, Begin work) {
    work([self = shared_from_this(), key] { self->ended(key); });
}

void InProgress::ended(const Key& key) {
    Begin next;
    {
        const std::lock_guard lock(mutex_);
        --count_;
        changed_.notify_all();
        const auto found = keys_.find(key);
        if (is_stopped_) {
            count_ -= found->second.size();
            found->second.clear();
        }
        if (found->second.empty()) {
            keys_.erase(found);
            return;
        }
        next = std::move(found->second.front());
        found->second.pop_front();
    }
    begin(key, std::move(next));
}

void InProgress::stop(std::chrono::milliseconds patience) {
    std::unique_lock lock(mutex_);
    is_stopped_ = true;
    changed_.notify_all();
    changed_.wait_for(lock, patience, [this] { return keys_.empty(); });
}

}  // namespace edgesync::mqtt_exchange
