// Calls webhooks: POST of the metadata of an object that arrived (rest-api 4).
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "edgesync/sdk/log.h"
#include "edgesync/sdk/settings.h"
#include "edgesync/sdk/store.h"
#include "kernel/rules/scheduler.h"

namespace edgesync::hooks {

struct WebhookOptions {
    std::chrono::milliseconds timeout{std::chrono::seconds(10)};  ///< Of one attempt, from the first octet to the last.
    std::vector<std::chrono::milliseconds> pauses{std::chrono::seconds(1), std::chrono::seconds(5)};  ///< Between attempts.
    std::vector<std::string> allowed_hosts;                                                           ///< Empty: every host.
    bool allows_private = true;  ///< Private, loopback and link-local addresses may be called.
};

WebhookOptions webhook_options(const Settings& settings);

/// Thread-safe. Calls have no order, are not repeated after the last attempt, and are lost when the process ends: polling is the
/// reliable way. Redirects are not followed.
class WebhookSender {
public:
    /// Everything outlives the sender; functions given to `scheduler` may still run until that ends.
    WebhookSender(Store& store, rules::Scheduler& scheduler, Log& log, WebhookOptions options);
    ~WebhookSender();

    /// Returns at once; the hooks of the object's type get its metadata as they are when the call is made.
    void arrived(const ObjectKey& key);
    /// Gives up what waits, ends what runs; waits for at most one time-out.
    void stop() noexcept;

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace edgesync::hooks
