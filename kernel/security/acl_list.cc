#include "kernel/security/acl_list.h"

namespace edgesync::security {
namespace {

using Parts = std::vector<std::string>;

Parts entry_key(const std::string& org, AclKind kind, const std::string& key, const AclEntry& entry) {
    return {org, std::string(to_string(kind)), key, std::string(to_string(entry.user_type)), entry.name};
}

KeyedAclEntry entry_of(const Entry& stored) {
    KeyedAclEntry result;
    result.key = stored.key.at(2);
    result.entry.user_type = stored.key.at(3) == "node" ? AclUserType::Node : AclUserType::User;
    result.entry.name = stored.key.at(4);
    if (stored.value == "aclReader") result.entry.role = AclRole::Reader;
    if (stored.value == "aclWriter") result.entry.role = AclRole::Writer;
    return result;
}

}  // namespace

std::string_view to_string(AclUserType type) noexcept { return type == AclUserType::Node ? "node" : "user"; }
std::string_view to_string(AclKind kind) noexcept { return kind == AclKind::Objects ? "objects" : "destinations"; }

std::string_view role_text(const std::optional<AclRole>& role) noexcept {
    if (!role) return "na";
    return *role == AclRole::Writer ? "aclWriter" : "aclReader";
}

void put_acl(WriteTransaction& txn, const std::string& org, AclKind kind, const std::string& key, const std::vector<AclEntry>& entries) {
    for (const auto& entry : entries) txn.put_entry(EntryTable::Acl, entry_key(org, kind, key, entry), std::string(role_text(entry.role)));
}

void erase_acl(WriteTransaction& txn, const std::string& org, AclKind kind, const std::string& key, const std::vector<AclEntry>& entries) {
    for (const auto& entry : entries) txn.erase_entry(EntryTable::Acl, entry_key(org, kind, key, entry));
}

Page<KeyedAclEntry> acl_entries(ReadTransaction& txn, const std::string& org, AclKind kind, const std::optional<std::string>& key,
                                const std::string& cursor, std::size_t limit) {
    Parts prefix{org, std::string(to_string(kind))};
    if (key) prefix.push_back(*key);
    auto page = txn.entries(EntryTable::Acl, prefix, cursor, limit);
    Page<KeyedAclEntry> result;
    for (const auto& stored : page.items) result.items.push_back(entry_of(stored));
    result.next = std::move(page.next);
    return result;
}

}  // namespace edgesync::security
