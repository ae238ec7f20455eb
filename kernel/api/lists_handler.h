// Objects of a type, and the destinations of one object (rest-api 3.8 to 3.10).
#pragma once

#include "kernel/api/call.h"
#include "kernel/api/json_list.h"

namespace edgesync::api {

class ListsHandler {
public:
    explicit ListsHandler(const Environment& environment) : environment_(environment) {}

    /// Objects that applications have to look at (`received`: also those they have seen), or all objects of the type.
    /// Both parameters are checked before the credentials; see `list_parameters`.
    struct Parameters {
        bool received = false;
        bool all_objects = false;
    };
    /// @throws Error{InvalidRequest}
    static Parameters parameters(const HttpRequest& request);
    void list(const CallPtr& call, const Parameters& parameters) const;

    /// GET .../{id}/destinations
    void destinations(const CallPtr& call) const;

private:
    PageSource updated(const CallPtr& call, bool includes_received, bool sees_all) const;
    PageSource all(const CallPtr& call, bool sees_all) const;

    const Environment& environment_;
};

}  // namespace edgesync::api
