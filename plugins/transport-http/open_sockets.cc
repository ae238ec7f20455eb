#include "open_sockets.h"

#include <sys/socket.h>

#include "edgesync/sdk/error.h"

namespace edgesync::transport_http {

void OpenSockets::add(int descriptor) {
    const std::lock_guard lock(mutex_);
    if (is_stopped_) throw Error(ErrorKind::NotConnected, "The node is stopping");
    descriptors_.insert(descriptor);
}

void OpenSockets::remove(int descriptor) noexcept {
    const std::lock_guard lock(mutex_);
    descriptors_.erase(descriptor);
}

void OpenSockets::stop() noexcept {
    const std::lock_guard lock(mutex_);
    is_stopped_ = true;
    // Below TLS: its state belongs to the thread that waits.
    for (const int descriptor : descriptors_) ::shutdown(descriptor, SHUT_RDWR);
}

bool OpenSockets::is_stopped() const noexcept {
    const std::lock_guard lock(mutex_);
    return is_stopped_;
}

}  // namespace edgesync::transport_http
