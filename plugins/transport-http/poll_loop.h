// ESS: asks the CSS what is pending: by long-poll where the CSS grants it, else by the clock (docs/protocol.md).
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <random>
#include <thread>

#include "css_client.h"
#include "edgesync/sdk/transport.h"

namespace edgesync::transport_http {

struct PollOptions {
    std::chrono::seconds interval{10};  ///< Longest pause between timed polls.
    bool is_push_wanted = true;
    std::chrono::seconds wait{55};  ///< Asked of the CSS.
    std::chrono::seconds timeout{120};
};

/// One thread, which polls while the node is registered. Thread-safe.
class PollLoop {
public:
    PollLoop(TransportHost& host, CssClient& client, PollOptions options);
    ~PollLoop() { stop(); }

    void start();
    void set_registered(bool registered);
    /// The client must have been stopped, so that a parked poll ends.
    void stop();

private:
    enum class Outcome { Content, Empty, Failed, Stopped };

    void run();
    Outcome poll();
    /// False: stopped or no longer registered.
    bool pause(std::chrono::milliseconds duration);
    std::chrono::milliseconds jittered(std::chrono::milliseconds duration);

    TransportHost& host_;
    CssClient& client_;
    const PollOptions options_;
    std::mutex mutex_;
    std::condition_variable changed_;
    bool is_registered_ = false;
    bool is_stopped_ = false;
    bool is_parked_poll_granted_ = true;  ///< By the last answer; assumed until one says otherwise.
    std::minstd_rand random_;
    std::thread thread_;
};

}  // namespace edgesync::transport_http
