#include "kernel/security/organization_list.h"

#include "edgesync/sdk/error.h"
#include "kernel/addressing/work_payload.h"

namespace edgesync::security {
namespace {

constexpr std::size_t kPage = 1000;
constexpr std::size_t kFields = 3;

}  // namespace

void put_organization(WriteTransaction& txn, const SecretBox& box, const std::string& org, const Organization& organization) {
    const std::string password = box.seal(organization.password.text(), org);
    txn.put_entry(EntryTable::Organization, {org}, addressing::join_fields({organization.address, organization.user, password}));
}

std::optional<Organization> organization(ReadTransaction& txn, const SecretBox& box, const std::string& org) {
    const auto value = txn.entry(EntryTable::Organization, {org});
    if (!value) return std::nullopt;
    const auto fields = addressing::split_fields(*value, kFields);
    return Organization{fields[0], fields[1], box.open(fields[2], org)};
}

std::string address_of(const Entry& entry) { return addressing::split_fields(entry.value, kFields)[0]; }

SealedPasswords seal_passwords(WriteTransaction& txn, const SecretBox& box) {
    SealedPasswords result;
    std::string cursor;
    do {
        const auto page = txn.entries(EntryTable::Organization, {}, cursor, kPage);
        for (const auto& entry : page.items) {
            const std::string& org = entry.key.at(0);
            const std::string password = addressing::split_fields(entry.value, kFields)[2];
            try {
                const auto stored = organization(txn, box, org);
                if (!stored || !box.has_key() || box.is_sealed(password)) continue;
                put_organization(txn, box, org, *stored);
                ++result.newly_sealed;
            } catch (const Error& error) {
                if (error.kind() != ErrorKind::Corrupt) throw;
                ++result.unusable;
            }
        }
        cursor = page.next;
    } while (!cursor.empty());
    return result;
}

}  // namespace edgesync::security
