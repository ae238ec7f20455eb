#include "kernel/data/upload_gate.h"

#include <chrono>

#include "edgesync/sdk/error.h"

namespace edgesync::data {

bool UploadGate::enter() {
    const std::lock_guard lock(mutex_);
    if (is_sealed_) return false;
    ++inside_;
    return true;
}

void UploadGate::leave() {
    const std::lock_guard lock(mutex_);
    --inside_;
    left_.notify_all();
}

void UploadGate::seal() {
    std::unique_lock lock(mutex_);
    is_sealed_ = true;
    if (!left_.wait_for(lock, std::chrono::minutes(1), [this] { return inside_ == 0; }))
        throw Error(ErrorKind::Timeout, "Another request has been writing to the same upload for too long");
}

}  // namespace edgesync::data
