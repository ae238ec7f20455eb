// Small confirmations about an object's destination policy. Functions run inside a transaction; no I/O.
#pragma once

#include "edgesync/sdk/store.h"

namespace edgesync::objects {

/// The policy engine has seen the object's policy. @throws Error{NotFound}
void mark_policy_received(WriteTransaction& txn, const ObjectKey& key);

/// ESS: the services that must still learn that an update took the object from them, when `meta` replaces `old`: those that had to
/// before and those of the old policy, without those of the new one. A policy without services, or none, is for all of them.
std::vector<PolicyService> removed_by_update(const ObjectRecord& old, const Metadata& meta);

/// An edge service has noticed that an update removed it from the policy of `object`, which is as stored: the entry `removed` of its
/// list of removed services goes (null: the service is not listed). @throws Error{InvalidRequest}
void confirm_removal(WriteTransaction& txn, const ObjectRecord& object, const PolicyService* removed);

}  // namespace edgesync::objects
