// The process that the crash tests kill while it writes, and what must be found in its store afterwards.
#pragma once

#include <cstdint>
#include <vector>

#include "edgesync/sdk/store.h"

namespace edgesync::conformance {

/// The child writes versions 1, 2, 3, ... of these objects in turn, with everything that belongs to an object.
inline constexpr std::uint64_t kFaultObjects = 8;

ObjectKey fault_object(std::uint64_t number);
NodeKey fault_node();

/// The octets of a version; every other version is larger than the usual inline limits.
std::vector<std::byte> fault_octets(std::uint64_t version);

/// Writes versions to the store in options().root until it is killed, and every acknowledged one as 8 octets to `fd`.
/// Returns only on failure, with the exit status.
int run_fault_child(int fd);

}  // namespace edgesync::conformance
