// The webhooks of an object type (rest-api 4). Functions run inside a transaction; no I/O.
#pragma once

#include <string>
#include <vector>

#include "edgesync/sdk/store.h"

namespace edgesync::hooks {

/// Of one type; more are refused.
inline constexpr std::size_t kMostHooks = 100;

/// A URL that is registered already is fine. @throws Error{InvalidRequest} for one too many
void register_hook(WriteTransaction& txn, const std::string& org, const std::string& type, const std::string& url);

/// The first that is equal without regard to case; none is fine.
void remove_hook(WriteTransaction& txn, const std::string& org, const std::string& type, const std::string& url);

std::vector<std::string> hooks_of(ReadTransaction& txn, const std::string& org, const std::string& type);
bool has_hooks(ReadTransaction& txn, const std::string& org, const std::string& type);

}  // namespace edgesync::hooks
