/// @file
/// The closed set of failures that cross the boundary between the kernel and its plugins.
#pragma once

#include <stdexcept>
#include <string>

/// Makes a symbol visible outside of the plugin, whose other symbols are hidden.
#define EDGESYNC_EXPORT __attribute__((visibility("default")))

/// All that a plugin is written against.
namespace edgesync {

/// What went wrong, in terms the caller can act on. Mapped once to HTTP status and once to feedback codes by the kernel
/// (docs/plugins.md, "Errors").
enum class ErrorKind {
    InvalidRequest,  ///< The caller's data breaks a rule; repeating it does not help.
    NotFound,        ///< The entity that the operation must change does not exist.
    AlreadyExists,   ///< The entity that the operation must create exists.
    Conflict,        ///< Lost against another writer after all retries; may be repeated.
    Busy,            ///< A bounded resource is exhausted; repeat later.
    NotConnected,    ///< The store or the peer is not reachable now.
    Timeout,         ///< The operation's deadline passed.
    NoSpace,         ///< The disk or the quota is full; nothing of the operation was kept.
    Io,              ///< Any other input/output failure.
    Corrupt,         ///< Stored or received bytes do not make sense.
    Unsupported,     ///< The plugin's traits exclude this call.
    Internal,        ///< Our own mistake.
};

/// The only exception that plugins throw on purpose. Any other `std::exception` is treated as `ErrorKind::Internal`.
class EDGESYNC_EXPORT Error : public std::runtime_error {
public:
    /// `message` says what was wrong, with which value, and what to do; it may reach operators and the body of an HTTP answer, so no
    /// secrets.
    Error(ErrorKind kind, const std::string& message);
    ~Error() override;
    Error(const Error&) = default;
    Error& operator=(const Error&) = default;

    /// Decides what the kernel does about it.
    ErrorKind kind() const noexcept { return kind_; }

private:
    ErrorKind kind_;
};

/// The kind's name as it appears in logs, e.g. "NoSpace".
const char* to_string(ErrorKind kind) noexcept;

}  // namespace edgesync
