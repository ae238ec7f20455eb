// Webhooks of an object type: PUT .../objects/{org}/{type} (rest-api 4).
#pragma once

#include "kernel/api/call.h"

namespace edgesync::api {

class HooksHandler {
public:
    explicit HooksHandler(const Environment& environment) : environment_(environment) {}

    /// The caller is authenticated, or `Failed`; the method is PUT.
    void handle(const CallPtr& call) const;

private:
    const Environment& environment_;
};

}  // namespace edgesync::api
