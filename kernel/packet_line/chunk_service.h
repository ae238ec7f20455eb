// Answers GetData over a line that carries nothing but messages: each question is answered by one chunk, pushed as a message of its own
// (node protocol over MQTT, 7.3), or as several if whoever asks takes pieces (pieces.h).
#pragma once

#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "edgesync/sdk/transport.h"
#include "kernel/rules/node_context.h"
#include "kernel/rules/operation.h"
#include "kernel/rules/scheduler.h"

namespace edgesync::packet_line {

/// Thread-safe.
class ChunkService {
public:
    /// Opens the data of an object's current version for the peer; checks nothing of the exchange. May block, also to read all of it once.
    /// @throws Error if the octets cannot be read; a result without reader: there are none.
    using Open = std::function<OpenedData(const ObjectRecord&)>;
    using Done = std::function<void(HandleResult)>;
    /// ESS: told when the octets of an own object cannot be read. It will be announced again.
    using Unreadable = std::function<void(const ObjectRecord&, const Error&)>;
    using Readable = std::function<void(const ObjectKey&)>;

    ChunkService(const rules::NodeContext& context, rules::Operations& operations, rules::Scheduler& scheduler, Open open);
    /// Before the first call of `serve`.
    void report_to(Unreadable unreadable, Readable readable) {
        unreadable_ = std::move(unreadable);
        readable_ = std::move(readable);
    }
    /// No timer of it runs afterwards.
    ~ChunkService();

    /// Sends the chunk that `question` asks for through `transport`; or answers with feedback why not. `done` when it is handed over, so
    /// that whoever asks for more than the line takes has to wait. A line that takes pieces slowly holds a worker for one of them at a
    /// time; between them others have their turn.
    void serve(Transport& transport, const NodeKey& peer, Message question, Done done);

private:
    struct Source {
        ObjectKey key;
        InstanceId instance = 0;
        std::shared_ptr<BlobReader> reader;
        std::string sha256;
        std::chrono::steady_clock::time_point last_use;
    };

    struct Answer;

    void go_on(const std::shared_ptr<Answer>& answer);
    void work(const std::shared_ptr<Answer>& answer);
    std::optional<HandleResult> step(Answer& answer);
    std::optional<HandleResult> find_object(Answer& answer);
    std::optional<HandleResult> open(Answer& answer);
    std::optional<HandleResult> push(Answer& answer);
    std::optional<HandleResult> push_window(Answer& answer);
    std::shared_ptr<Source> source_of(const ObjectRecord& object, std::int64_t largest);
    std::shared_ptr<Source> remembered(const ObjectKey& key, InstanceId instance);
    void forget_unused();
    HandleResult refusal(const Message& question, std::int32_t code, const std::string& reason) const;

    /// The questions about one object follow each other; opening it for each would cost more than reading the chunk.
    static constexpr std::size_t kMaxSources = 8;
    static constexpr std::chrono::seconds kIdle{10};

    const rules::NodeContext& context_;
    rules::Operations& operations_;
    rules::Scheduler& scheduler_;
    const Open open_;
    Unreadable unreadable_;
    Readable readable_;
    std::mutex mutex_;
    std::list<std::shared_ptr<Source>> sources_;  ///< The one used last is first.
    std::uint64_t timer_ = 0;
    bool is_stopped_ = false;
};

}  // namespace edgesync::packet_line
