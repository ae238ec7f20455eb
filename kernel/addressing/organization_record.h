// What is stored of an organization: the broker that its nodes use (rest-api 7).
#pragma once

#include <string>

namespace edgesync::addressing {

struct OrganizationRecord {
    std::string address;  ///< URL of the broker; may be empty.
    std::string user;
    std::string password;  ///< As security::OrgSecrets sealed it.
};

std::string encode(const OrganizationRecord& record);
/// @throws Error{InvalidRequest} for what `encode` did not make.
OrganizationRecord decode_organization(const std::string& value);

}  // namespace edgesync::addressing
