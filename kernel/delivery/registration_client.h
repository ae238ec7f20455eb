// ESS: makes this node known to its CSS and keeps it known (object model 6, node protocol 6.1 and 6.3).
#pragma once

#include <chrono>
#include <functional>
#include <mutex>

#include "edgesync/sdk/transport.h"
#include "kernel/delivery/line.h"
#include "kernel/rules/node_context.h"
#include "kernel/rules/operation.h"
#include "kernel/rules/scheduler.h"

namespace edgesync::delivery {

/// Thread-safe; its exchanges run on the scheduler's workers, one at a time.
class RegistrationClient {
public:
    struct Hooks {
        /// The CSS knows this node: sending, fetching and polling may start; or it does not any more.
        std::function<void(bool registered, const std::vector<std::string>& capabilities)> changed;
    };

    /// `ping_interval` 0: no pings; else it is looked at every resend interval.
    RegistrationClient(const rules::NodeContext& context, rules::Operations& operations, rules::Scheduler& scheduler, Log& log, Hooks hooks,
                       std::chrono::milliseconds ping_interval);

    void set_transport(Transport& transport) { transport_ = &transport; }
    /// Registers at once and then keeps trying: after short, growing pauses, then every resend interval.
    void start();
    /// Ends; returns when no call to the transport is running.
    void stop();
    /// Another call was answered with "unknown node".
    void report_unknown();
    /// The line is up again: the CSS is told that this node is there, whatever was known before.
    void register_again();
    /// Asks the CSS to announce everything again, now and until it is acknowledged. The result of the first attempt.
    void request_resend();
    /// Leaves for good. True if the CSS acknowledged it or did not know the node.
    bool unregister();
    bool is_registered() const;
    /// For transports whose answers arrive later (RegAck, RegisterAsNew, AckResend).
    void handle(const Message& message);

private:
    void schedule_tick();
    void tick();
    void retry_soon();
    void exchange();
    void exchange_once();
    PeerAnswer send(Command command);
    void acknowledged(bool was_new, const std::vector<std::string>& capabilities);
    bool take_answer();
    bool is_late(const Message& answer) const;
    void note_namesake(const Message& answer);
    void told_unknown();
    bool has_something_to_lose();
    void announce_if_needed();

    const rules::NodeContext& context_;
    rules::Operations& operations_;
    rules::Scheduler& scheduler_;
    Log& log_;
    const Hooks hooks_;
    const std::chrono::milliseconds ping_interval_;
    Transport* transport_ = nullptr;

    mutable std::mutex mutex_;
    std::mutex exchange_mutex_;  ///< Serialises exchanges; held over network calls, guards nothing else.
    bool is_registered_ = false;
    bool is_stopped_ = false;
    bool must_register_new_ = false;
    bool wants_resend_ = false;
    bool awaits_answer_ = false;  ///< To a registration.
    /// Of the registrations on the present connection; what answers those on an earlier one has another number, or none.
    std::int64_t number_;
    bool has_asked_ = false;  ///< With that number.
    bool was_acknowledged_ = false;
    bool knows_namesake_ = false;  ///< The log has it.
    int unknown_answers_ = 0;
    std::chrono::steady_clock::time_point last_ping_;
    std::uint64_t timer_ = 0;
    std::uint64_t retry_timer_ = 0;
    std::chrono::milliseconds retry_pause_;
    std::string last_problem_;
};

}  // namespace edgesync::delivery
