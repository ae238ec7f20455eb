// GET .../data: whole or a range, with entity tag and digests (rest-api 3.5, extensions 2).
#pragma once

#include "kernel/api/call.h"

namespace edgesync::api {

/// Answers on the calling thread; data beyond the inline limit is left to the listener to send.
void download_data(const Environment& environment, const CallPtr& call);

}  // namespace edgesync::api
