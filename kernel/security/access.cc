#include "kernel/security/access.h"

#include <algorithm>
#include <set>

namespace edgesync::security {
namespace {

AclUser acl_user(const Identity& identity) {
    return {identity.org, identity.code == AuthCode::NodeUser ? AclUserType::Node : AclUserType::User, identity.user_id};
}

std::string trimmed(std::string_view text) {
    const auto first = text.find_first_not_of(" \t\r\n");
    if (first == std::string_view::npos) return "";
    return std::string(text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1));
}

/// Every distinct destination type that the metadata addresses.
std::set<std::string> addressed_types(const Metadata& meta) {
    std::set<std::string> types;
    if (!meta.destination_type.empty()) types.insert(meta.destination_type);
    if (meta.destinations_list) {
        for (const auto& entry : *meta.destinations_list) types.insert(trimmed(std::string_view(entry).substr(0, entry.find(':'))));
    }
    return types;
}

}  // namespace

ReadAccess Access::read(const Identity& identity, const std::string& org, const std::string& type) const {
    if (identity.code == AuthCode::SyncAdmin) return ReadAccess::All;
    if (identity.code == AuthCode::Failed || identity.code == AuthCode::EdgeNode) return ReadAccess::Failed;
    const bool is_own_org = identity.org == org;
    if (role_ == NodeRole::Ess) return is_own_org ? ReadAccess::All : ReadAccess::Failed;
    if (identity.code == AuthCode::Service) return ReadAccess::Failed;
    if (!is_own_org) return ReadAccess::PublicOnly;
    if (identity.code == AuthCode::Admin || identity.code == AuthCode::ObjectAdmin) return ReadAccess::All;
    if (identity.code == AuthCode::NodeUser && type == kUpgradeManifests) return ReadAccess::All;
    return acls_.object_role(acl_user(identity), type) ? ReadAccess::All : ReadAccess::PublicOnly;
}

ReadAccess Access::read_object(const Identity& identity, const std::string& org, const std::string& type, const ObjectRecord* object,
                               bool admits_removed) const {
    const ReadAccess access = read(identity, org, type);
    if (access == ReadAccess::Failed || !is_edge_service(identity)) return access;
    if (object == nullptr) return ReadAccess::Failed;
    if (policy_admits(object->meta, identity.user_id)) return ReadAccess::All;
    if (admits_removed && removed_service(*object, identity.user_id) != nullptr) return ReadAccess::All;
    return object->meta.is_public ? ReadAccess::PublicOnly : ReadAccess::Failed;
}

bool Access::write(const Identity& identity, const std::string& org, const Metadata& meta) const {
    if (identity.code == AuthCode::SyncAdmin) return true;
    if (identity.code == AuthCode::Failed || identity.code == AuthCode::EdgeNode || identity.org != org) return false;
    if (role_ == NodeRole::Ess) return true;
    switch (identity.code) {
        case AuthCode::Admin: return true;
        case AuthCode::ObjectAdmin: return meta.object_type != kUpgradeManifests;
        case AuthCode::User:
        case AuthCode::NodeUser: return write_by_acl(identity, meta);
        default: return false;
    }
}

bool Access::manage_hooks(const Identity& identity, const std::string& org, const std::string& type) const {
    if (identity.code == AuthCode::SyncAdmin) return true;
    if (identity.org != org) return false;
    switch (identity.code) {
        case AuthCode::Admin:
        case AuthCode::ObjectAdmin: return true;
        case AuthCode::User:
        case AuthCode::NodeUser: return role_ == NodeRole::Ess || acls_.object_role(acl_user(identity), type) == AclRole::Writer;
        default: return false;
    }
}

bool Access::write_by_acl(const Identity& identity, const Metadata& meta) const {
    const AclUser user = acl_user(identity);
    if (acls_.object_role(user, meta.object_type) != AclRole::Writer) return false;
    const auto types = addressed_types(meta);
    if (types.empty() && !meta.destination_policy) return acls_.may_address(user, "");
    return std::all_of(types.begin(), types.end(), [&](const auto& type) { return acls_.may_address(user, type); });
}

}  // namespace edgesync::security
