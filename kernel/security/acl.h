// Access control lists as the decisions need them (security 2.1). An edge node has none.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace edgesync::security {

enum class AclRole : std::uint8_t { Reader, Writer };

/// The class of entries that apply to a caller.
enum class AclUserType : std::uint8_t { User, Node };

struct AclUser {
    std::string org;
    AclUserType type = AclUserType::User;
    std::string name;
};

/// Thread-safe; called on I/O threads, must not wait for a network.
class AclLookup {
public:
    virtual ~AclLookup() = default;
    /// The user's role for objects of a type: an entry of the type decides before one of the wildcard key; a named entry before
    /// "*"; else the strongest. nullopt: no entry, or the lists cannot be read.
    virtual std::optional<AclRole> object_role(const AclUser& user, const std::string& object_type) const = 0;
    /// Whether the user may address nodes of a type; empty: of all types (an entry of the wildcard key is needed).
    virtual bool may_address(const AclUser& user, const std::string& destination_type) const = 0;
};

/// No lists: ordinary users have no entries.
class NoAcls final : public AclLookup {
public:
    std::optional<AclRole> object_role(const AclUser&, const std::string&) const override { return std::nullopt; }
    bool may_address(const AclUser&, const std::string&) const override { return false; }
};

}  // namespace edgesync::security
