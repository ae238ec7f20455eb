// The stored access control lists of a CSS (security 2.1). Functions run inside a transaction; no I/O.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "edgesync/sdk/store.h"
#include "kernel/security/acl.h"

namespace edgesync::security {

enum class AclKind : std::uint8_t { Objects, Destinations };

/// The key whose entries apply to all types.
inline constexpr char kAllTypes[] = "*";
/// The user name that stands for everybody of its user type.
inline constexpr char kEverybody[] = "*";

struct AclEntry {
    AclUserType user_type = AclUserType::User;
    std::string name;
    std::optional<AclRole> role;  ///< Unset for destinations: "na".
    bool operator==(const AclEntry&) const = default;
};

std::string_view to_string(AclUserType type) noexcept;  ///< "user", "node"
std::string_view to_string(AclKind kind) noexcept;      ///< "objects", "destinations"
/// "aclReader", "aclWriter", "na"
std::string_view role_text(const std::optional<AclRole>& role) noexcept;

/// Adds, or replaces the role of, each entry.
void put_acl(WriteTransaction& txn, const std::string& org, AclKind kind, const std::string& key, const std::vector<AclEntry>& entries);
/// Entries that are not there are fine; roles are ignored.
void erase_acl(WriteTransaction& txn, const std::string& org, AclKind kind, const std::string& key, const std::vector<AclEntry>& entries);

/// One page of an organization's entries, by kind, key, user type, name. `key` unset: of all keys.
struct KeyedAclEntry {
    std::string key;
    AclEntry entry;
};
Page<KeyedAclEntry> acl_entries(ReadTransaction& txn, const std::string& org, AclKind kind, const std::optional<std::string>& key,
                                const std::string& cursor, std::size_t limit);

}  // namespace edgesync::security
