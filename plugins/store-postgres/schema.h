// The tables, and how an older schema becomes the current one.
#pragma once

#include <string>

namespace edgesync::postgres {

class Connection;

/// Creates the schema or brings it to this program's version, in one transaction. Of several instances that start together one does
/// the work and the others wait for it. Blocks.
/// @throws Error{Corrupt} for a schema that a newer program wrote.
void migrate(Connection& connection, const std::string& schema);

}  // namespace edgesync::postgres
