// Objects and their destinations as the lists show them (rest-api 3.8 and 3.10).
#pragma once

#include <string>

#include "edgesync/sdk/store.h"

namespace edgesync::api {

void append_destination_status(const DeliveryRecord& delivery, std::string& out);

/// {"orgID","objectType","objectID","destinationPolicy","destinations"}; the policy only if there is one.
void append_with_destinations(ReadTransaction& txn, const Metadata& meta, std::string& out);

}  // namespace edgesync::api
