// Destinations that are chosen one by one: PUT and POST .../{id}/destinations (rest-api 3.8).
#pragma once

#include "kernel/api/call.h"

namespace edgesync::api {

class PlacementHandler {
public:
    explicit PlacementHandler(const Environment& environment) : environment_(environment) {}

    /// The caller is authenticated; the method is PUT or POST.
    void handle(const CallPtr& call) const;

private:
    const Environment& environment_;
};

}  // namespace edgesync::api
