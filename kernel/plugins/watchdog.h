// Names plugins that hang: a line in the log when a call does not come back, and what the health report says of each plugin.
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "edgesync/sdk/log.h"
#include "kernel/plugins/call_watch.h"
#include "kernel/plugins/plugin_state.h"

namespace edgesync::plugins {

/// Looks from a thread of its own, because any other may be the one that hangs. It can stop nothing: a thread cannot be taken back from
/// code that keeps it. Thread-safe.
class Watchdog {
public:
    /// `limit`: longest time that a call may last unremarked; 0: no thread, nothing hangs. `log` outlives the watchdog.
    Watchdog(Log& log, std::chrono::milliseconds limit);
    ~Watchdog();
    Watchdog(const Watchdog&) = delete;
    Watchdog& operator=(const Watchdog&) = delete;

    /// The calls of one more plugin; valid as long as the watchdog.
    CallWatch& add(PluginKind kind, const std::string& name, const std::string& version);

    std::vector<PluginState> states() const;

private:
    struct Watched {
        PluginKind kind;
        std::string name;
        std::string version;
        std::unique_ptr<CallWatch> calls;
        bool is_reported = false;  ///< Used by the thread alone.
    };

    void run();
    void look();
    /// The call that hangs, if that is the plugin's own doing. With the lock held.
    std::optional<CallWatch::Late> late(const Watched& plugin) const;
    bool waits_for_store(const Watched& plugin, const CallWatch::Late& late) const;

    Log& log_;
    const std::chrono::milliseconds limit_;
    mutable std::mutex mutex_;
    std::condition_variable ends_;
    bool is_ending_ = false;
    std::vector<std::unique_ptr<Watched>> plugins_;
    std::thread thread_;
};

}  // namespace edgesync::plugins
