// Pulls the data of announced objects from the CSS (ESS with a transport that fetches): several objects at a time beside the small
// ones, in ranges that survive restarts (object model 5.5, node protocol 8).
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <set>

#include "edgesync/sdk/transport.h"
#include "kernel/data/digest.h"
#include "kernel/data/received_files.h"
#include "kernel/delivery/inbound.h"
#include "kernel/delivery/line.h"
#include "kernel/rules/node_context.h"
#include "kernel/rules/operation.h"
#include "kernel/rules/scheduler.h"

namespace edgesync::data {

struct FetcherOptions {
    int parallel_chunks = 1;              ///< MaxInflightChunks
    std::int64_t largest_object = 0;      ///< MaxObjectDataSize, bytes; 0: unlimited
    std::chrono::seconds retry_pause{2};  ///< ESSCallSPIRetryInterval
    /// Checks data against the publisher's signature before it is published; the problem, or empty. Blocks on disk.
    std::function<std::string(const Metadata&, BlobWriter&)> verify;
    ReceivedFiles* files = nullptr;  ///< Data whose object wants it in a file; outlives the fetcher.
};

/// Thread-safe. Runs on the scheduler's workers.
class Fetcher {
public:
    using SendMessage = std::function<void(Message)>;
    using Done = std::function<void(HandleResult)>;

    Fetcher(const rules::NodeContext& context, rules::Operations& operations, rules::Scheduler& scheduler, delivery::Line& line, Log& log,
            FetcherOptions options, SendMessage send, std::function<void()> on_unknown);
    ~Fetcher();

    void set_transport(Transport& transport) { transport_ = &transport; }

    /// An `update` of the CSS. Small data is fetched first and stored with its metadata in one transaction; otherwise the announced
    /// version is stored and its data fetched in ranges. `done` when the announcement is dealt with.
    void announced(Message update, Done done);
    /// Fetches what a record in `getdata` still lacks. Repeated calls for one object are one transfer.
    void fetch(const rules::ExchangeKey& key);
    /// Continues all transfers found in the store (start, reconnection).
    void resume_all();
    /// Ends; returns when no call to the transport is running.
    void stop();

    /// One object's data on its way in (transfer.h).
    struct Transfer;

private:
    enum class Result { Finished, Retry, Gone, Failed, Forged };

    /// What an announcement was judged by; if something as new as it came before its data, or it was deleted, it is void.
    struct Seen {
        std::optional<std::pair<InstanceId, NotificationStatus>> record;
        std::optional<std::pair<InstanceId, ObjectStatus>> object;
        bool operator==(const Seen&) const = default;
    };
    /// How a transfer ended.
    struct End {
        Result result = Result::Retry;
        InstanceId instance = 0;
        std::string reason;
        std::int32_t code = 0;
    };

    Seen look(ReadTransaction& txn, const ObjectKey& key) const;
    bool is_void(ReadTransaction& txn, const Message& update, const Seen& seen) const;
    void take_small(const Message& update, const Seen& seen, const Done& done);
    void accept(const Message& update, const std::optional<Seen>& seen, const Done& done);
    /// Why this node does not want the data at all; nullopt: it does.
    std::optional<delivery::ReceptionFailure> objection(const Metadata& meta) const;
    void refuse(const Message& update, const delivery::ReceptionFailure& failure, const Done& done);
    bool is_awaited(const ObjectKey& key);
    void run_next();
    void run_one(const ObjectKey& key);
    Result run_transfer(const ObjectKey& key, InstanceId& instance, std::string& reason, std::int32_t& code);
    void forget_small(const std::pair<ObjectKey, InstanceId>& key);
    void remember_digest(const Message& update);
    bool prepare(Transfer& transfer);
    Result pull(Transfer& transfer, std::string& reason, std::int32_t& code);
    Result pull_ranges(Transfer& transfer, const std::vector<ByteRange>& ranges, std::string& reason);
    Result pull_one(Transfer& transfer, ByteRange range, std::string& reason);
    void make_durable(Transfer& transfer);
    Result publish(Transfer& transfer, std::string& reason, std::int32_t& code);
    void report(const ObjectKey& key, const End& end);
    std::optional<PeerAnswer> call(const DataRequest& request, DataSink& sink, std::string& reason);
    bool enter();
    void leave();
    bool is_stopped();

    static constexpr int kMaxTransfers = 3;
    static constexpr std::size_t kMaxSmall = 64;
    static constexpr std::size_t kMaxSmallInMessages = 12;  ///< Each keeps a worker waiting; the others take the long way.

    const rules::NodeContext& context_;
    rules::Operations& operations_;
    rules::Scheduler& scheduler_;
    delivery::Line& line_;
    Log& log_;
    const FetcherOptions options_;
    const SendMessage send_;
    const std::function<void()> on_unknown_;
    Transport* transport_ = nullptr;

    std::mutex mutex_;
    std::condition_variable changed_;
    std::multimap<std::int64_t, ObjectKey> waiting_;  ///< By size: smaller objects first.
    std::set<ObjectKey> known_;                       ///< Waiting or running.
    std::map<ObjectKey, int> attempts_;
    /// Digests that announcements named, for answers that name none; of what is waited for or fetched.
    std::map<ObjectKey, std::pair<InstanceId, std::string>> announced_sha256_;
    int transfers_ = 0;
    std::size_t small_ = 0;
    std::set<std::pair<ObjectKey, InstanceId>> small_keys_;  ///< Fetched right now.
    int running_ = 0;
    bool is_stopped_ = false;
};

}  // namespace edgesync::data
