// A connection that is kept only if the server shows a certificate that is expected.
#pragma once

#include <pqxx/pqxx>
#include <string>

#include "server_options.h"

namespace edgesync::postgres {

/// Compares the certificates right after libpq has connected, before anything is asked of the server.
class PinnedConnect : public pqxx::connect_direct {
public:
    PinnedConnect(const std::string& options, const PinnedCertificates& pins) : connect_direct(options), pins_(pins) {}
    /// @throws Refused no pinned certificate; as the library
    handle do_startconnect(handle former) override;
    /// Sends a statement and does not wait for its end; the next one's result comes after it. Whether it arrived is said by the next one.
    void send(const char* statement) noexcept;

private:
    const PinnedCertificates pins_;
    handle connected_ = nullptr;
};

class ServerConnection : public pqxx::connection_base {
public:
    /// Connects. @throws Refused no pinned certificate; as the library
    explicit ServerConnection(const ServerOptions& options);
    ~ServerConnection() noexcept { close(); }
    ServerConnection(const ServerConnection&) = delete;
    ServerConnection& operator=(const ServerConnection&) = delete;
    void send(const char* statement) noexcept { connect_.send(statement); }

private:
    PinnedConnect connect_;
};

}  // namespace edgesync::postgres
