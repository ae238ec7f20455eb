// ESS: the sockets in use, so that stopping ends waits of other threads at once.
#pragma once

#include <mutex>
#include <set>

namespace edgesync::transport_http {

/// Thread-safe.
class OpenSockets {
public:
    /// @throws Error{NotConnected} after `stop`.
    void add(int descriptor);
    /// Before the descriptor is closed. Unknown ones are ignored.
    void remove(int descriptor) noexcept;
    /// Shuts all down and accepts no more.
    void stop() noexcept;
    bool is_stopped() const noexcept;

private:
    mutable std::mutex mutex_;
    std::set<int> descriptors_;
    bool is_stopped_ = false;
};

}  // namespace edgesync::transport_http
