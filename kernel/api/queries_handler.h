// Queries over all types of an organization (rest-api 3.11 to 3.14).
#pragma once

#include "kernel/api/call.h"
#include "kernel/api/json_list.h"
#include "kernel/api/object_filter.h"

namespace edgesync::api {

class QueriesHandler {
public:
    explicit QueriesHandler(const Environment& environment) : environment_(environment) {}

    /// The caller is authenticated, or `Failed`.
    void handle(const CallPtr& call) const;

private:
    void objects(const CallPtr& call, ObjectFilter filter) const;
    void placed_objects(const CallPtr& call, ObjectFilter filter) const;
    void types(const CallPtr& call) const;

    const Environment& environment_;
};

}  // namespace edgesync::api
