// A listener for transports that mount routes on that of the service.
#pragma once

#include <memory>

#include "transport_environment.h"

namespace edgesync::conformance {

/// Listens on 127.0.0.1. Null where the kit is built without the service.
std::unique_ptr<HttpMount> service_listener(int port);

}  // namespace edgesync::conformance
