// What addresses a broker's host has.
#pragma once

#include <string>
#include <vector>

namespace edgesync::mqtt_session {

/// In digits, in the order in which they should be tried; of an address in digits: itself. Asks the name servers, so it may block for as
/// long as they take. @throws Error{NotConnected} if there is none.
std::vector<std::string> addresses_of(const std::string& host);

}  // namespace edgesync::mqtt_session
