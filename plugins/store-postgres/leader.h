// Which of the instances that share the database leads.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "connection_pool.h"

namespace edgesync::postgres {

/// See Store::lead. Only the database's clock is compared.
std::optional<std::int64_t> lead(ConnectionPool& pool, const std::string& holder, std::chrono::seconds timeout);
/// See Store::resign.
void resign(ConnectionPool& pool, const std::string& holder) noexcept;

}  // namespace edgesync::postgres
