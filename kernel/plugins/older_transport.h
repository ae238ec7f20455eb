// Transports built with an older minor version of the ABI: what they lack is answered for them.
#pragma once

#include <cstdint>
#include <memory>

#include "edgesync/sdk/transport.h"

namespace edgesync::plugins {

/// `transport` as it is when `abi_minor`, which it was built with, is the present one. Otherwise a transport that passes on to it what that
/// version had, and answers with the defaults of the SDK what came later: the table of its functions ends before those.
std::unique_ptr<Transport> of_present_abi(std::unique_ptr<Transport> transport, std::uint32_t abi_minor);

}  // namespace edgesync::plugins
