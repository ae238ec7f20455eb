// ESS: asks the CSS what is pending: by long-poll where the CSS grants it, else by the clock (docs/protocol.md).
#pragma once

#include <condition_variable>
#include <mutex>
#include <random>
#include <string>
#include <thread>

#include "css_client.h"
#include "edgesync/sdk/transport.h"

namespace edgesync::transport_http {

struct PollOptions {
    std::chrono::milliseconds interval{10000};    ///< Longest pause between timed polls; a tenth of it is the first pause.
    std::chrono::milliseconds first_pause{1000};  ///< Between registration and the first timed poll.
    std::chrono::milliseconds retry_pause{2000};  ///< After the first of several failures; at most `interval`.
    bool is_push_wanted = true;
    std::chrono::seconds wait{55};  ///< Asked of the CSS, 1..300.
    std::chrono::milliseconds timeout{120000};
};

/// One thread, which polls while the node is registered. Thread-safe.
class PollLoop {
public:
    PollLoop(TransportHost& host, CssClient& client, PollOptions options);
    ~PollLoop() { stop(); }

    void start();
    /// Asks for long-poll again, also when the node was registered before.
    void set_registered(bool registered);
    /// The client must have been stopped, so that a parked poll ends.
    void stop();

private:
    enum class Outcome { Content, Repeated, Empty, EmptyTooSoon, Failed };
    /// The pauses so far; begins anew with each registration.
    struct Pace {
        std::chrono::milliseconds waiting;
        std::chrono::milliseconds failing;
        std::chrono::milliseconds repeating;
    };

    void run();
    /// Polls until the registration is lost or renewed, or the node stops.
    void poll_while_registered(std::uint64_t registration);
    Outcome poll();
    Outcome take_answer(const CssAnswer& answer, std::chrono::milliseconds lasted);
    std::chrono::milliseconds pause_after(Outcome outcome, Pace& pace);
    Pace fresh_pace() const;
    bool asks_to_wait();
    /// False: stopped, no longer registered, or registered anew.
    bool pause(std::chrono::milliseconds duration, std::uint64_t registration);
    std::chrono::milliseconds jittered(std::chrono::milliseconds duration);

    TransportHost& host_;
    CssClient& client_;
    const PollOptions options_;
    const std::chrono::milliseconds step_;
    std::mutex mutex_;
    std::condition_variable changed_;
    bool is_registered_ = false;
    bool is_stopped_ = false;
    bool is_wait_granted_ = true;  ///< Assumed until an answer says otherwise; then until the next registration.
    std::uint64_t registration_ = 0;
    // Of the loop's thread:
    std::size_t last_content_ = 0;
    std::minstd_rand random_;
    std::thread thread_;
};

}  // namespace edgesync::transport_http
