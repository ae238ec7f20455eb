#include "kernel/node/broker_accounts.h"

#include "edgesync/sdk/error.h"
#include "kernel/addressing/organization_record.h"

namespace edgesync::node {
namespace {

constexpr std::size_t kPage = 256;

}  // namespace

std::vector<BrokerAccount> read_broker_accounts(Store& store, const security::OrgSecrets& secrets, Log& log) {
    std::vector<BrokerAccount> accounts;
    std::string cursor;
    do {
        Page<Entry> page;
        store.read([&](ReadTransaction& txn) { page = txn.entries(EntryTable::Organization, {}, cursor, kPage); });
        for (const auto& entry : page.items) {
            const std::string& org = entry.key.at(0);
            try {
                auto stored = addressing::decode_organization(entry.value);
                accounts.push_back({org, std::move(stored.user), secrets.open(org, stored.password), std::move(stored.address)});
            } catch (const Error& error) {
                log.log(LogLevel::Error, "Organization " + org + " has no broker: " + error.what());
            }
        }
        cursor = std::move(page.next);
    } while (!cursor.empty());
    return accounts;
}

}  // namespace edgesync::node
