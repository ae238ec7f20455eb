// The one thing an in-memory store keeps over restarts: a time that all instance ids so far lie below (object model 10).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "edgesync/sdk/object.h"

namespace edgesync::memory {

/// The file `sync/local/persisted-data` below the persistence root. Not thread-safe; calls block on disk.
class TimeBase {
public:
    /// `persistence_root` ends with '/'.
    explicit TimeBase(const std::string& persistence_root);

    /// The largest instance id that may have been issued before, 0 if none: the stored base + 1 s. Issuing goes on above it, also when the
    /// clock is ahead now and goes back later.
    /// @throws Error{Corrupt} naming the file, Error{Io}
    InstanceId last_issued();

    /// Returns when a restart is sure to issue only ids above `issued`; writes the file when the second of `issued` is new.
    /// @throws Error{Io}, Error{NoSpace}
    void cover(InstanceId issued);

private:
    void write(std::int64_t seconds) const;

    std::string path_;
    std::int64_t stored_seconds_ = -1;
};

}  // namespace edgesync::memory
