// One running node: the store, the rules, the transports, the listeners and what drives them, put together and taken apart in order.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "edgesync/sdk/log.h"
#include "edgesync/sdk/settings.h"
#include "edgesync/sdk/store.h"
#include "edgesync/sdk/transport.h"
#include "kernel/plugins/plugin_state.h"

namespace edgesync::node {

struct LoadedTransport {
    std::string name;  ///< "http"
    std::unique_ptr<Transport> transport;
    Log* log = nullptr;
    /// What it mounts, as it is to be mounted; empty: as it is.
    std::function<HttpHandler&(HttpHandler&)> watched_handler = {};
};

/// What ends the node.
struct StopRequest {
    std::chrono::seconds quiesce{0};  ///< Between refusing requests and closing.
    bool restarts = false;
    bool unregisters = false;  ///< ESS: leave the CSS and erase local storage.
};

/// One thread starts, waits and stops; `request_stop` from any thread.
class Node {
public:
    /// `plugin_states` may be called from any thread while the node lives.
    Node(const Settings& settings, Log& log, std::unique_ptr<Store> store, std::vector<LoadedTransport> transports,
         std::function<std::vector<plugins::PluginState>()> plugin_states);
    ~Node();

    /// Start order: authentication, store, rules, transports, listeners. @throws Error, one line for the operator; then only the
    /// destructor may follow.
    void start();
    /// Waits for request_stop, but at most `timeout`; nullopt when it did not come.
    std::optional<StopRequest> wait(std::chrono::milliseconds timeout);
    void request_stop(StopRequest request);
    /// Reads again what may change while the node runs: the authentication file, the certificates. From the thread that waits.
    void reload();
    /// Refuses new requests, waits for the quiesce time and for those in progress, releases parked peers, closes everything.
    void stop(const StopRequest& request);

private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

}  // namespace edgesync::node
