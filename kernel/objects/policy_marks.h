// Small confirmations about an object's destination policy. Functions run inside a transaction; no I/O.
#pragma once

#include "edgesync/sdk/store.h"

namespace edgesync::objects {

/// The policy engine has seen the object's policy. @throws Error{NotFound}
void mark_policy_received(WriteTransaction& txn, const ObjectKey& key);

/// An edge service has noticed that an update removed it from the policy of `object`, which is as stored: the entry `removed` of its
/// list of removed services goes (null: the service is not listed). @throws Error{InvalidRequest}
void confirm_removal(WriteTransaction& txn, const ObjectRecord& object, const PolicyService* removed);

}  // namespace edgesync::objects
