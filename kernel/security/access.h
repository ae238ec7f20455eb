// Who may do what: decisions about reading and writing objects (security 2). Pure but for the ACL lookup; no I/O of their own.
#pragma once

#include <string>
#include <string_view>

#include "edgesync/sdk/settings.h"
#include "edgesync/sdk/store.h"
#include "kernel/security/acl.h"
#include "kernel/security/authenticator.h"

namespace edgesync::security {

/// Objects that only administrators and nodes may see, and object administrators may not change.
inline constexpr std::string_view kUpgradeManifests = "agent_upgrade_manifests";

enum class ReadAccess : std::uint8_t {
    Failed,
    PublicOnly,  ///< Objects whose `public` flag is set.
    All,
};

/// Thread-safe.
class Access {
public:
    /// `acls` outlives the object.
    Access(NodeRole role, const AclLookup& acls) : role_(role), acls_(acls) {}

    /// Objects of a type in `org` (an ESS: its own organization) as a whole, without the policies of edge services.
    ReadAccess read(const Identity& identity, const std::string& org, const std::string& type) const;

    /// One object, null if it does not exist: as `read`; on an ESS a service must match the object's policy.
    /// `admits_removed`: services that an update removed from the policy are admitted, too.
    ReadAccess read_object(const Identity& identity, const std::string& org, const std::string& type, const ObjectRecord* object,
                           bool admits_removed = false) const;

    /// Create, update, data, destinations, delete: `meta` is the request's for create and update, else the stored one.
    bool write(const Identity& identity, const std::string& org, const Metadata& meta) const;

    /// Webhooks of a type. Callers of another organization are refused, whatever their class.
    bool manage_hooks(const Identity& identity, const std::string& org, const std::string& type) const;

    /// True if the caller's view of lists depends on the policies of the objects.
    bool is_edge_service(const Identity& identity) const { return role_ == NodeRole::Ess && identity.code == AuthCode::Service; }

private:
    bool write_by_acl(const Identity& identity, const Metadata& meta) const;

    const NodeRole role_;
    const AclLookup& acls_;
};

/// True if the object has no policy, the policy names no services, or one of them is the service ("serviceOrg/version/name").
bool policy_admits(const Metadata& meta, std::string_view service_id);

/// The first of the object's removed services that is this one; null if there is none.
const PolicyService* removed_service(const ObjectRecord& object, std::string_view service_id);

}  // namespace edgesync::security
