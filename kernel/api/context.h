// What the application API works with; filled by the node's wiring.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "edgesync/sdk/log.h"
#include "edgesync/sdk/message.h"
#include "edgesync/sdk/settings.h"
#include "kernel/data/chunked_upload.h"
#include "kernel/files/data_files.h"
#include "kernel/plugins/plugin_state.h"
#include "kernel/rules/node_context.h"
#include "kernel/rules/operation.h"
#include "kernel/rules/scheduler.h"
#include "kernel/security/acl_cache.h"
#include "kernel/security/authenticator.h"

namespace edgesync::api {

/// What `POST /api/v1/shutdown` asks for.
struct ShutdownRequest {
    std::chrono::seconds quiesce{3};  ///< Between "accept nothing new" and closing.
    bool restart = false;
    bool unregister = false;  ///< ESS: leave the CSS and erase the local store.
};

/// The brokers' part of the health answer, of all lines together.
struct MqttHealth {
    std::string status = "green";  ///< "green", "yellow", "red"
    std::uint64_t subscribe_failures = 0;
    std::uint64_t publish_failures = 0;
    bool is_disconnected = false;
    std::chrono::milliseconds last_disconnect{0};
    std::chrono::seconds since_subscribe_error{0};  ///< 0: never.
    std::chrono::seconds since_publish_error{0};    ///< 0: never.
    std::vector<std::string> problems;              ///< Of lines that are not green: "transport-NAME: ...".
};

/// What the health answer needs from outside the store.
struct HealthExtras {
    std::chrono::seconds uptime{0};
    std::optional<MqttHealth> mqtt;      ///< Unset: no transport uses a broker.
    std::size_t unsendable_objects = 0;  ///< ESS: own objects whose data cannot be read to send it.
    std::vector<plugins::PluginState> plugins;
};

/// Everything outlives the Api. The functions are called from any thread and must not block.
struct ApiContext {
    const rules::NodeContext& node;
    rules::Operations& operations;
    rules::Scheduler& scheduler;
    security::Authenticator& authenticator;
    security::AclCache& acls;
    const Settings& settings;  ///< MaxInlineObjectSize, MaxObjectDataSize, ResendInterval.
    data::UploadDigests& digests;
    Log& log;
    std::string upload_owner_uuid;                  ///< Of this process; answers to chunks carry it.
    std::function<bool()> is_running;               ///< False until start-up has finished and once shutdown has begun.
    std::function<HandleResult()> request_resend;   ///< ESS: asks the CSS to announce everything again; returns at once.
    std::function<void(ShutdownRequest)> shutdown;  ///< Begins the shutdown about a second later, so that the answer gets out.
    std::function<HealthExtras()> health;
    const files::DataFiles& files;  ///< Of data URIs.
};

}  // namespace edgesync::api
