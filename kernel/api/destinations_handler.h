// Registered nodes of an organization, and what is on its way to one of them (rest-api 6).
#pragma once

#include <string_view>

#include "kernel/api/call.h"

namespace edgesync::api {

class DestinationsHandler {
public:
    explicit DestinationsHandler(const Environment& environment) : environment_(environment) {}

    /// `rest`: raw path after "/api/v1/destinations/". Order of the checks: credentials, method, path.
    void handle(const CallPtr& call, std::string_view rest) const;

private:
    void nodes(const CallPtr& call, const std::string& org) const;
    void objects(const CallPtr& call, const NodeKey& node) const;

    const Environment& environment_;
};

}  // namespace edgesync::api
