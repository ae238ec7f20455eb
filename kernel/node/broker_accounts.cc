#include "kernel/node/broker_accounts.h"

#include "edgesync/sdk/error.h"
#include "kernel/addressing/work_payload.h"

namespace edgesync::node {
namespace {

/// The fields of a stored organization: address, user, password.
constexpr std::size_t kFields = 3;
constexpr std::size_t kPage = 256;

}  // namespace

std::vector<BrokerAccount> read_broker_accounts(Store& store, const security::OrgSecrets& secrets, Log& log) {
    std::vector<BrokerAccount> accounts;
    std::string cursor;
    do {
        Page<Entry> page;
        store.read([&](ReadTransaction& txn) { page = txn.entries(EntryTable::Organization, {}, cursor, kPage); });
        for (const auto& entry : page.items) {
            const auto fields = addressing::split_fields(entry.value, kFields);
            BrokerAccount account{entry.key.at(0), fields[1], "", fields[0]};
            try {
                account.password = secrets.open(account.org, fields[2]);
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
