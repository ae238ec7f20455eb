// Data for an ESS over a line that carries nothing but messages: each chunk is asked for with GetData and comes as a message of its own, or
// from our own CSS as several.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <tuple>

#include "edgesync/sdk/transport.h"
#include "kernel/packet_line/chunk_buffer.h"
#include "kernel/rules/node_context.h"

namespace edgesync::packet_line {

/// What `Transport::fetch` is for other lines. Thread-safe.
class ChunkFetch {
public:
    /// Sends a message to the CSS. @throws as Transport::send
    using Send = std::function<void(const Message&)>;

    ChunkFetch(const rules::NodeContext& context, Send send);
    ~ChunkFetch();

    /// As Transport::fetch, with the same errors. Waits for the data; what is lost is asked for again, at most kAttempts times. Of one
    /// object as many chunks as MaxInflightChunks are asked for and not yet arrived (in pieces: not yet nearly arrived): who calls with one
    /// more thread than that has the next chunk under way while the sink stores one.
    PeerAnswer fetch(const DataRequest& request, DataSink& sink);
    /// Takes octets that arrived. Never null; what nobody waits for (any more) is ignored.
    std::unique_ptr<DataReceiver> receiver(const DataRequest& arrived);
    /// The CSS says that it cannot give the data: it is gone, or another try may succeed later.
    void refused(const ObjectKey& key, InstanceId instance, bool is_gone, const std::string& reason);
    /// Whether the CSS answers with pieces those that take them (pieces.h); false until this is called.
    void set_gives_pieces(bool gives_pieces) { gives_pieces_ = gives_pieces; }
    /// Ends what waits with Error{NotConnected}: nothing comes before the line is back.
    void line_lost();
    /// The same for good.
    void stop();

    static constexpr int kAttempts = 3;

private:
    class Receiver;
    struct Awaited;
    using Place = std::tuple<ObjectKey, InstanceId, std::int64_t>;

    std::optional<PeerAnswer> fetch_chunk(const DataRequest& request, ByteRange wanted, DataSink& sink, std::int64_t& taken);
    std::shared_ptr<Awaited> expect(const DataRequest& request, ByteRange wanted);
    bool has_room(const DataRequest& request, std::int64_t most) const;
    void make_room();
    void forget(const Place& place, Awaited& awaited);
    void release(const DataRequest& request, Awaited& awaited);
    void await(const DataRequest& request, Awaited& awaited);
    void ask(const DataRequest& request, ByteRange wanted, bool in_pieces);

    const rules::NodeContext& context_;
    const Send send_;
    std::atomic<bool> gives_pieces_ = false;
    ChunkBuffers buffers_;
    std::mutex mutex_;
    std::condition_variable room_;
    bool is_stopped_ = false;
    std::map<Place, std::shared_ptr<Awaited>> awaited_;              ///< Bounded by the transfers that the fetcher runs.
    std::set<Place> waiting_;                                        ///< For room.
    std::map<std::pair<ObjectKey, InstanceId>, std::int64_t> held_;  ///< How many chunks are in memory, under way or being stored.
};

}  // namespace edgesync::packet_line
