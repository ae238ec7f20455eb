#include "kernel/node/node_context.h"

#include <algorithm>

namespace edgesync::node {

rules::NodeContext make_context(const Settings& settings, const Store& store, std::vector<std::string> polled, bool pushes_data) {
    rules::NodeContext context;
    context.role = settings.role();
    context.self = context.is_css() ? NodeKey{settings.text("OrgID"), rules::kCloud, rules::kCloud}
                                    : NodeKey{settings.text("OrgID"), settings.text("DestinationType"), settings.text("DestinationID")};
    context.max_chunk_size = static_cast<std::int32_t>(settings.integer("MaxDataChunkSize"));
    context.chunks_data = settings.boolean("EnableDataChunk");
    // More would only fill the broker's queues.
    context.chunks_in_flight = std::clamp<std::int64_t>(settings.integer("MaxInflightChunks"), 1, 64);
    context.resend_interval = std::chrono::seconds(settings.integer("ResendInterval"));
    context.inline_limit = store.traits().inline_limit;
    context.is_storage_persistent = store.traits().is_persistent;
    context.is_store_shared = store.traits().is_shared;
    context.consumed_objects_kept = static_cast<std::uint64_t>(std::max<std::int64_t>(settings.integer("ESSConsumedObjectsKept"), 0));
    context.notifies_on_expiration = settings.boolean("NotifyOnExpiration");
    context.hooks_on_no_data = settings.boolean("WebhookOnNoData");
    context.objects_data_path = settings.text("ObjectsDataPath");
    context.pushes_data = pushes_data;
    context.now = [&store] { return store.now(); };
    context.polled_protocols = std::move(polled);
    return context;
}

}  // namespace edgesync::node
