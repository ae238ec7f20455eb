// Where the database is.
#pragma once

#include <string>

#include "edgesync/sdk/network_guard.h"

namespace edgesync::postgres {

/// Where the server is, and what it must show.
struct ServerOptions {
    std::string text;         ///< For libpq; secret.
    PinnedCertificates pins;  ///< Empty: what libpq checks is enough.
};

}  // namespace edgesync::postgres
