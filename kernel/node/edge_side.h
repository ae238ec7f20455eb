// What only an ESS runs: its one connection to the CSS.
#pragma once

#include <functional>
#include <memory>

#include "edgesync/sdk/transport.h"
#include "kernel/data/fetcher.h"
#include "kernel/delivery/line.h"
#include "kernel/delivery/outbox.h"
#include "kernel/delivery/registration_client.h"
#include "kernel/rules/node_context.h"
#include "kernel/rules/operation.h"
#include "kernel/rules/scheduler.h"

namespace edgesync::node {

/// Thread-safe after `start`.
class EdgeSide {
public:
    EdgeSide(const rules::NodeContext& context, rules::Operations& operations, rules::Scheduler& scheduler, const Settings& settings,
             const files::DataFiles& files, data::ReceivedFiles& received_files, Log& log);

    /// The transport of all that follows; once, before anything else.
    void use(Transport& transport);
    void start() { registration_.start(); }
    /// No call to the transport runs when it returns. The transport must have been drained.
    void stop();

    void send(const rules::ExchangeKey& key) { outbox_.send(key); }
    void fetch(const rules::ExchangeKey& key);
    /// Continues all receptions, and tells again of those that failed, as the timer that repeats does (object model 5.7).
    void resume_transfers();
    /// See TransportHost::line_changed.
    void line_changed(bool is_connected) {
        if (!is_connected) return;
        line_.restored();
        registration_.register_again();
    }
    void send_message(Message message) { outbox_.send_message(std::move(message)); }
    void announced(Message update, std::function<void(HandleResult)> done) { fetcher_.announced(std::move(update), std::move(done)); }
    delivery::RegistrationClient& registration() { return registration_; }
    /// See Outbox.
    void unreadable(const ObjectRecord& object, const Error& error) { outbox_.unreadable(object, error); }
    void readable(const ObjectKey& key) { outbox_.readable(key); }
    /// Own objects whose data cannot be read, so that it cannot be sent.
    std::size_t unsendable() const { return outbox_.unsendable(); }

private:
    void changed(bool registered, const std::vector<std::string>& capabilities);
    void line_is_back();

    const rules::NodeContext& context_;
    rules::Scheduler& scheduler_;
    Transport* transport_ = nullptr;
    delivery::Line line_;
    delivery::Outbox outbox_;
    data::Fetcher fetcher_;
    delivery::RegistrationClient registration_;
};

}  // namespace edgesync::node
