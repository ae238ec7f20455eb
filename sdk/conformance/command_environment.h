// What lies between the nodes of a transport, or beside a store, as commands of the command line say.
#pragma once

#include <memory>

#include "server_process.h"
#include "transport_environment.h"

namespace edgesync::conformance {

/// --server is started for each test. It is ended to cut the line and stands still to silence it, unless --cut and --restore say how the
/// line is cut.
class CommandEnvironment : public TransportEnvironment, private LineFaults {
public:
    void begin(const std::filesystem::path& folder) override;
    void end() override;
    /// At {port:http}.
    HttpMount* http() override { return listener_.get(); }
    LineFaults* faults() override;

private:
    void cut() override;
    void restore() override;
    bool silence() override;
    void start_server();

    std::filesystem::path folder_;
    std::unique_ptr<HttpMount> listener_;
    std::unique_ptr<ServerProcess> server_;
    bool is_cut_ = false;
};

}  // namespace edgesync::conformance
