// What applications report about received objects, and activation: PUT .../{operation} (rest-api 3.7).
#pragma once

#include "kernel/api/call.h"

namespace edgesync::api {

class OperationsHandler {
public:
    explicit OperationsHandler(const Environment& environment) : environment_(environment) {}

    static bool knows(const std::string& operation);
    void handle(const CallPtr& call) const;

private:
    const Environment& environment_;
};

}  // namespace edgesync::api
