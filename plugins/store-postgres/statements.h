// The prepared statements. Every query reaches its rows through an index that is made for it (schema.cc).
#pragma once

#include <string>

namespace edgesync::postgres {

/// What a new connection runs first: settings of the session, then PREPARE for every statement. `quoted_schema` is an SQL identifier.
std::string session_text(const std::string& quoted_schema);

/// Counters that are kept as a sum of changes, so that writers do not wait for each other at one row. Numbers are stored.
enum class Counter { OwnObjects = 1, ConsumedObjects = 2, Destinations = 3 };

}  // namespace edgesync::postgres
