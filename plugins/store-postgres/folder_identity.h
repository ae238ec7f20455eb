// Whether the folder of PostgresBlobPath is the one that all instances on this database share.
#pragma once

#include <memory>
#include <string>

#include "connection.h"
#include "shared_folder.h"

namespace edgesync::postgres {

/// Opens the folder and checks that it can be used and belongs to the database. The first instance that ever has one gives database and
/// folder the same identity. Null for an empty path, unless the database has data in a folder. `connection` is a session of the store.
/// @throws Error{InvalidRequest, Io, NoSpace}, one line that says what to do; as Connection::run
std::shared_ptr<SharedFolder> join_folder(Connection& connection, const std::string& path);

}  // namespace edgesync::postgres
