// The SDK alone has no listener.
#include "service_listener.h"

namespace edgesync::conformance {

std::unique_ptr<HttpMount> service_listener(int) { return nullptr; }

}  // namespace edgesync::conformance
