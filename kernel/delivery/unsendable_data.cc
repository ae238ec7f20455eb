#include "kernel/delivery/unsendable_data.h"

#include <algorithm>

namespace edgesync::delivery {

void UnsendableData::failed(const ObjectRecord& object, const Error& error, TimePoint now) {
    {
        const std::lock_guard lock(mutex_);
        const auto found = failures_.find(object.key());
        if (found == failures_.end() && failures_.size() >= kMostObjects) {
            std::erase_if(failures_, [&](const auto& item) { return now - item.second.at >= 2 * retry_; });
        }
        if (found != failures_.end() || failures_.size() < kMostObjects) {
            Failure& failure = failures_[object.key()];
            failure.at = now;
            if (failure.said_at != TimePoint{} && now - failure.said_at < kSaidAgain) return;
            failure.said_at = now;
        }
    }
    const Metadata& meta = object.meta;
    const char* advice = meta.source_data_uri.empty() ? "" : "; bring back the file of its sourceDataUri, or publish or delete the object";
    log_.log(LogLevel::Error, "The data of " + meta.object_type + "/" + meta.object_id + " cannot be sent: " + error.what() + advice +
                                  ". It is tried again every " + std::to_string(retry_.count()) + " s");
}

void UnsendableData::settled(const ObjectKey& key) {
    {
        const std::lock_guard lock(mutex_);
        if (failures_.erase(key) == 0) return;
    }
    log_.log(LogLevel::Info, "The data of " + key.type + "/" + key.id + " is not held up any more");
}

std::size_t UnsendableData::count(TimePoint now) const {
    const std::lock_guard lock(mutex_);
    return static_cast<std::size_t>(
        std::count_if(failures_.begin(), failures_.end(), [&](const auto& item) { return now - item.second.at < 2 * retry_; }));
}

}  // namespace edgesync::delivery
