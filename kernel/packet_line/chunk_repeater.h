// CSS: asks again for chunks that do not come (node protocol over MQTT, 7.5). What is under way is known from the records, so that any
// instance can go on after any other one.
#pragma once

#include <chrono>
#include <map>
#include <mutex>

#include "edgesync/sdk/log.h"
#include "kernel/packet_line/dispatcher.h"
#include "kernel/rules/node_context.h"
#include "kernel/rules/operation.h"

namespace edgesync::packet_line {

/// Thread-safe; blocks on the store.
class ChunkRepeater {
public:
    /// `most_known`: of so many transfers it is remembered how far they were; some 250 octets of memory each.
    ChunkRepeater(const rules::NodeContext& context, rules::Operations& operations, Dispatcher& dispatcher, Log& log,
                  std::size_t most_known = kMostKnown)
        : context_(context), operations_(operations), dispatcher_(dispatcher), log_(log), most_known_(most_known) {}

    /// Asks for what has not moved since a former look, every resend interval: small objects after one interval, others after six. Of
    /// transfers beyond those that are remembered nothing is known, so they are asked for in every sixth look, whether they move or not:
    /// what comes twice is ignored.
    void look();
    /// The node's line was down: what was asked for before is lost.
    void repeat(const NodeKey& peer);

private:
    using Clock = std::chrono::steady_clock;
    struct Progress {
        InstanceId instance = 0;
        std::int64_t received = 0;
        Clock::time_point since;
    };
    struct Request {
        rules::ExchangeKey exchange;
        std::int64_t size = 0;
        Progress progress;
        std::vector<Message> messages;
    };

    std::optional<Request> request_of(ReadTransaction& txn, const NotificationRecord& record) const;
    bool is_stalled(Request& request);
    void note_unknown(std::size_t number);

    static constexpr std::size_t kMostKnown = 100000;
    static constexpr int kLooksPerRepetition = 6;

    const rules::NodeContext& context_;
    rules::Operations& operations_;
    Dispatcher& dispatcher_;
    Log& log_;
    const std::size_t most_known_;
    std::mutex mutex_;
    std::map<rules::ExchangeKey, Progress> known_;  ///< Of the last look.
    int looks_ = 0;
    bool has_noted_unknown_ = false;
};

}  // namespace edgesync::packet_line
