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
            auto stored = addressing::decode_organization(entry.value);
            BrokerAccount account{entry.key.at(0), std::move(stored.user), "", std::move(stored.address)};
            try {
                account.password = secrets.open(account.org, stored.password);
                accounts.push_back(std::move(account));
            } catch (const Error& error) {
                log.log(LogLevel::Error, error.what());
            }
        }
        cursor = std::move(page.next);
    } while (!cursor.empty());
    return accounts;
}

}  // namespace edgesync::node
