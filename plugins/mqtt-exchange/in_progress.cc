#include "in_progress.h"

#include <atomic>

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
    enum : int { Inside, EndedInside, Outside, Ended };
    while (work) {
        const auto phase = std::make_shared<std::atomic<int>>(Inside);
        try {
            work([self = shared_from_this(), key, phase] {
                int expected = Inside;
                // What ends at once is followed by the loop, so that the stack does not grow with the queue.
                if (phase->compare_exchange_strong(expected, EndedInside)) return;
                if (phase->compare_exchange_strong(expected = Outside, Ended)) self->begin(key, self->next_after(key));
            });
        } catch (...) {
            int expected = Inside;
            phase->compare_exchange_strong(expected, EndedInside);
        }
        int expected = Inside;
        if (phase->compare_exchange_strong(expected, Outside)) return;
        work = next_after(key);
    }
}

/// What waited for the end of the work with the key; empty: nothing did.
InProgress::Begin InProgress::next_after(const Key& key) {
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
        return nullptr;
    }
    Begin next = std::move(found->second.front());
    found->second.pop_front();
    return next;
}

void InProgress::stop(std::chrono::milliseconds patience) {
    std::unique_lock lock(mutex_);
    is_stopped_ = true;
    changed_.notify_all();
    changed_.wait_for(lock, patience, [this] { return keys_.empty(); });
}

}  // namespace edgesync::mqtt_exchange
