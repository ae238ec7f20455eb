#include "edgesync/sdk/error.h"

namespace edgesync {

Error::Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}

Error::~Error() = default;

const char* to_string(ErrorKind kind) noexcept {
    switch (kind) {
        case ErrorKind::InvalidRequest: return "InvalidRequest";
        case ErrorKind::NotFound: return "NotFound";
        case ErrorKind::AlreadyExists: return "AlreadyExists";
        case ErrorKind::Conflict: return "Conflict";
        case ErrorKind::Busy: return "Busy";
        case ErrorKind::NotConnected: return "NotConnected";
        case ErrorKind::Timeout: return "Timeout";
        case ErrorKind::NoSpace: return "NoSpace";
        case ErrorKind::Io: return "Io";
        case ErrorKind::Corrupt: return "Corrupt";
        case ErrorKind::Unsupported: return "Unsupported";
        case ErrorKind::Internal: return "Internal";
    }
    return "Unknown";
}

}  // namespace edgesync
