// What the records of organizations say of their brokers, for transports that connect to them.
#pragma once

#include <vector>

#include "edgesync/sdk/log.h"
#include "edgesync/sdk/transport.h"
#include "kernel/security/org_secrets.h"

namespace edgesync::node {

/// All of them, by name. One that cannot be read, or whose password cannot, is logged and left out. Blocks. @throws Error of the store
std::vector<BrokerAccount> read_broker_accounts(Store& store, const security::OrgSecrets& secrets, Log& log);

}  // namespace edgesync::node
