// Data for an ESS over a line that carries nothing but messages: each chunk is asked for with GetData and comes as a message of its own.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <tuple>

#include "edgesync/sdk/transport.h"
#include "kernel/rules/node_context.h"

namespace edgesync::packet_line {

/// What `Transport::fetch` is for other lines. Thread-safe.
class ChunkFetch {
public:
    /// Sends a message to the CSS. @throws as Transport::send
    using Send = std::function<void(const Message&)>;

    ChunkFetch(const rules::NodeContext& context, Send send);
    ~ChunkFetch();

    /// As Transport::fetch, with the same errors. Waits for the data; what is lost is asked for again, at most kAttempts times.
    PeerAnswer fetch(const DataRequest& request, DataSink& sink);
    /// Takes a chunk that arrived. Never null; one that nobody waits for (any more) is ignored.
    std::unique_ptr<DataReceiver> receiver(const DataRequest& arrived);
    /// The CSS says that it cannot give the data: it is gone, or another try may succeed later.
    void refused(const ObjectKey& key, InstanceId instance, bool is_gone, const std::string& reason);
    /// Ends what waits with Error{NotConnected}: nothing comes before the line is back.
    void line_lost();
    /// The same for good.
    void stop();

    static constexpr int kAttempts = 3;

private:
    class Receiver;
    struct Awaited;
    using Place = std::tuple<ObjectKey, InstanceId, std::int64_t>;

    std::shared_ptr<Awaited> expect(const Place& place, DataSink& sink, std::int64_t wanted);
    void forget(const Place& place, const std::shared_ptr<Awaited>& awaited);
    void ask(const DataRequest& request, std::int64_t offset, std::int64_t wanted);

    const rules::NodeContext& context_;
    const Send send_;
    std::mutex mutex_;
    bool is_stopped_ = false;
    std::map<Place, std::shared_ptr<Awaited>> awaited_;  ///< Bounded by the transfers that the fetcher runs.
};

}  // namespace edgesync::packet_line
