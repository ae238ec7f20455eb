// Keeps the octets of a complete upload from changing while, and after, they are judged.
#pragma once

#include <condition_variable>
#include <mutex>

namespace edgesync::data {

/// Shared by all requests that write one staged blob. Thread-safe.
class UploadGate {
public:
    /// Before octets are written. False: the upload is complete and takes none any more. Every true needs a `leave`.
    bool enter();
    void leave();
    /// Admits nobody from now on, and waits for who is inside. @throws Error{Timeout} after a minute, which only a broken disk takes
    void seal();

private:
    std::mutex mutex_;
    std::condition_variable left_;
    int inside_ = 0;
    bool is_sealed_ = false;
};

}  // namespace edgesync::data
