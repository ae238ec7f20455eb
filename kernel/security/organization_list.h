// The stored organizations of a CSS with their broker's address and credentials (rest-api 5). Functions run inside a transaction; no I/O.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "edgesync/sdk/store.h"
#include "kernel/security/secret_box.h"

namespace edgesync::security {

struct Organization {
    std::string address;
    std::string user;
    SecretText password;
};

/// The password is sealed for its organization.
void put_organization(WriteTransaction& txn, const SecretBox& box, const std::string& org, const Organization& organization);
/// nullopt: not stored. @throws Error{Corrupt} see SecretBox::open
std::optional<Organization> organization(ReadTransaction& txn, const SecretBox& box, const std::string& org);
/// What everybody may see of an entry of EntryTable::Organization.
std::string address_of(const Entry& entry);

struct SealedPasswords {
    std::size_t newly_sealed = 0;
    std::size_t unusable = 0;  ///< Sealed with another key, or with one and there is none now.
};
/// After the key was set or changed: encrypts the passwords that are stored as they are, and counts those that cannot be used.
SealedPasswords seal_passwords(WriteTransaction& txn, const SecretBox& box);

}  // namespace edgesync::security
