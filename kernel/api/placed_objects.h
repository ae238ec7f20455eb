// Lists of objects together with their destinations (rest-api 3.10 and 3.12).
#pragma once

#include <functional>
#include <string>

#include "kernel/api/json_list.h"

namespace edgesync::api {

struct PlacedObjects {
    /// A page of objects.
    std::function<Page<ObjectRecord>(ReadTransaction& txn, const std::string& cursor)> next;
    /// Whether an object is listed; may note in the list that it is hidden.
    std::function<bool(const ObjectRecord& object, JsonList& out)> shows;
};

/// The items are {"orgID","objectType","objectID","destinationPolicy","destinations"}; the policy only if there is one. An object may have
/// a hundred thousand destinations, so a step ends after some 256 KiB, also within an object.
PageSource source_of(const Environment& environment, PlacedObjects objects);

}  // namespace edgesync::api
