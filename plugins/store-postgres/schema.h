// The tables, and how an older schema becomes the current one.
#pragma once

#include <string>

namespace edgesync::postgres {

class Connection;

inline constexpr int kNewestVersion = 0;

/// Creates the schema or brings it to this program's version, in one transaction. Of several instances that start together one does
/// the work and the others wait for it. Blocks.
/// @throws Error{Corrupt} for a schema that a newer program wrote.
/// Tests of what an older program left stop at its `version`.
void migrate(Connection& connection, const std::string& schema, int version = kNewestVersion);

}  // namespace edgesync::postgres
