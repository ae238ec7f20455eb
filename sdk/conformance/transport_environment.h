// What a program with the suites supplies: what lies between the two nodes of a transport (a listener, a broker, a cable) and ways to
// disturb it, or what a store needs beside it.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>

#include "edgesync/sdk/http.h"
#include "edgesync/sdk/object.h"
#include "plain_settings.h"

namespace edgesync::conformance {

/// A listener for transports that mount routes on that of the service (TransportHost::mount).
class HttpMount {
public:
    virtual ~HttpMount() = default;
    virtual void mount(const std::string& prefix, HttpHandler& handler) = 0;
    /// After the transport started: serves what was mounted, always at the address that the settings of the ESS name.
    virtual void open() = 0;
    /// Before the transport stops; when it returns, no handler is called any more. May be opened again.
    virtual void close() = 0;
};

/// Disturbs a line of packets. Percent of those that pass, in both directions.
struct PacketFaults {
    int lost = 0;
    int repeated = 0;
    bool swaps = false;  ///< Every second one before the first.
};

/// Of the line between the nodes. Thread-safe.
class LineFaults {
public:
    virtual ~LineFaults() = default;
    /// Ends all connections, and no new one comes about.
    virtual void cut() = 0;
    /// Ends every disturbance.
    virtual void restore() = 0;
    /// From now on connections stay and nothing passes. False: this line cannot.
    virtual bool silence() { return false; }
    /// False: these are not packets, or nobody can tell.
    virtual bool disturb(const PacketFaults& faults) {
        (void)faults;
        return false;
    }
    /// Packets that `disturb` has lost so far; nullopt: nobody counts, and what is sent counts as lost after a second.
    virtual std::optional<std::size_t> lost() const { return std::nullopt; }
};

/// Puts octets on a line of packets as a hostile or broken peer would.
class PacketInjector {
public:
    virtual ~PacketInjector() = default;
    /// As if `node` had sent them: on the line that proves who it is.
    virtual void to_css(const NodeKey& node, const std::string& payload) = 0;
    virtual void to_ess(const NodeKey& node, const std::string& payload) = 0;
};

class TransportEnvironment {
public:
    virtual ~TransportEnvironment() = default;
    /// Around each test; whatever is between the nodes is fresh. `folder` is the test's own.
    virtual void begin(const std::filesystem::path& folder) { (void)folder; }
    virtual void end() {}
    /// Settings of one node; what the command line gives comes first. Also the keys of the service that the plugin reads.
    virtual PlainSettings::Values settings(NodeRole role, const NodeKey& self) {
        (void)role;
        (void)self;
        return {};
    }
    /// Null: tests that need it are skipped, or the transport needs none.
    virtual HttpMount* http() { return nullptr; }
    virtual LineFaults* faults() { return nullptr; }
    virtual PacketInjector* injector() { return nullptr; }
    /// The longest that a call may take when the line is dead, with these settings.
    virtual std::chrono::seconds longest_call() const { return std::chrono::seconds(30); }
    /// Whether messages carry more metadata than message.h promises: all of it, in all that are about an object.
    virtual bool carries_all_metadata() const { return false; }
    /// What TransportHost::messaging_group says as long as the transport has let nothing be remembered.
    virtual std::optional<std::string> messaging_group() const { return std::nullopt; }
};

/// The one that this program was given (run_plugin_test).
TransportEnvironment& environment();

}  // namespace edgesync::conformance
