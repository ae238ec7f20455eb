// Sends what records say must be sent (ESS to CSS): announcements, deletions, reports, and the data of own objects. The records are
// the truth; the queue in memory only decides when. What cannot be sent now is found again by a scan when the line is back.
#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <string>

#include "edgesync/sdk/transport.h"
#include "kernel/delivery/line.h"
#include "kernel/delivery/unsendable_data.h"
#include "kernel/rules/node_context.h"
#include "kernel/rules/operation.h"
#include "kernel/rules/scheduler.h"

namespace edgesync::delivery {

/// Octets to push, opened.
struct PushSource {
    std::unique_ptr<BlobReader> reader;
    std::string sha256;  ///< 32 octets, or empty.
};

/// Thread-safe. Runs on the scheduler's workers.
class Outbox {
public:
    /// `on_unknown`: the CSS does not know this node.
    Outbox(const rules::NodeContext& context, rules::Operations& operations, rules::Scheduler& scheduler, Line& line, Log& log,
           std::function<void()> on_unknown);

    void set_transport(Transport& transport) { transport_ = &transport; }
    /// How the data of an object with a sourceDataUri is opened; it may block, and throws Error if there is something wrong with it.
    void set_source_opener(std::function<PushSource(const ObjectRecord&)> open) { open_source_ = std::move(open); }
    /// Nothing is sent before the node is registered.
    void set_registered(bool registered);

    /// Sends the message that the record stands for.
    void send(const rules::ExchangeKey& key);
    /// Sends a message that has no record (an acknowledgement); lost if the line is down, because the peer repeats its question.
    void send_message(Message message);
    /// Looks for everything that waits to be sent.
    void scan();
    /// Tells again about failed receptions of which the CSS may not have heard (see failure_told). Blocks on the store.
    void repeat_failures();
    /// Own objects whose data cannot be read, so that it cannot be sent.
    std::size_t unsendable() const { return unsendable_.count(context_.now()); }
    /// The octets of an own object, which the CSS asked for, cannot be read: that is said, and the object announced again later.
    void unreadable(const ObjectRecord& object, const Error& error);
    void readable(const ObjectKey& key) { unsendable_.settled(key); }
    /// Ends; returns when no call to the transport is running.
    void stop();

private:
    void run(const rules::ExchangeKey& key);
    bool run_once(const rules::ExchangeKey& key);
    bool send_record(const NotificationRecord& record, const Message& message);
    bool send_failure(const NotificationRecord& record, const Message& feedback);
    void announce_again(const NotificationRecord& record);
    void push_data(const NotificationRecord& record);
    enum class Pushed { Completely, Later, Refused };
    Pushed push_chunks(const ObjectRecord& object, PushSource& source);
    bool take_push_slot(const rules::ExchangeKey& key, std::int64_t size);
    void push_from(const NotificationRecord& record, const ObjectRecord& object, PushSource source);
    std::int64_t pushed_offset(const ObjectRecord& object);
    void forget_offset(const ObjectKey& key);
    void remember_offset(const ObjectRecord& object, std::int64_t offset);
    std::optional<PeerAnswer> call(const std::function<PeerAnswer()>& f);
    void apply(Command command, const NotificationRecord& record);
    void finish_run(bool scans);
    void scan_later();
    void end_push();
    bool is_to_be_pushed(ReadTransaction& txn, const NotificationRecord& record) const;
    void scan_records();
    void start_worker(const rules::ExchangeKey& key);

    static constexpr std::size_t kMaxQueued = 10000;
    static constexpr std::size_t kMaxFailures = 256;  ///< At once.
    static constexpr int kMaxPushes = 2;
    static constexpr std::chrono::milliseconds kScanPause{200};

    const rules::NodeContext& context_;
    rules::Operations& operations_;
    rules::Scheduler& scheduler_;
    Line& line_;
    Log& log_;
    const std::function<void()> on_unknown_;
    Transport* transport_ = nullptr;
    std::function<PushSource(const ObjectRecord&)> open_source_;
    UnsendableData unsendable_;

    std::mutex mutex_;
    std::condition_variable idle_;
    std::map<rules::ExchangeKey, bool> in_progress_;  ///< True: must be looked at again when done.
    std::set<rules::ExchangeKey> waiting_pushes_;     ///< Large data that found too many pushes under way.
    std::uint64_t scan_timer_ = 0;
    int running_ = 0;
    int pushes_ = 0;
    bool is_scanning_ = false;
    bool must_scan_ = false;
    bool is_registered_ = false;
    bool is_stopped_ = false;
};

}  // namespace edgesync::delivery
