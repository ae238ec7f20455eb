// A destination of an object as the lists show it (rest-api 3.8 and 3.10).
#pragma once

#include <string>

#include "edgesync/sdk/store.h"

namespace edgesync::api {

void append_destination_status(const DeliveryRecord& delivery, std::string& out);

}  // namespace edgesync::api
