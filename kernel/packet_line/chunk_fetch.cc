#include "kernel/packet_line/chunk_fetch.h"

#include <algorithm>
#include <exception>

#include "edgesync/sdk/error.h"
#include "kernel/packet_line/patience.h"

namespace edgesync::packet_line {
/// One chunk on its way. The sink is called by whoever brings the octets, while the one that fetches waits.
struct ChunkFetch::Awaited {
    enum class State { Expected, Arriving, Arrived, Refused, Lost };

    Awaited(DataSink& sink_in, std::int64_t wanted_in) : sink(sink_in), wanted(wanted_in) {}

    std::mutex mutex;
    std::condition_variable changed;
    State state = State::Expected;
    DataSink& sink;
    const std::int64_t wanted;  ///< 0: all that comes.
    std::int64_t taken = 0;
    bool is_stopped_by_sink = false;
    std::exception_ptr failure;  ///< Of the sink; it belongs to the one that fetches.
    std::string reason;

    /// If nothing arrived; what is arriving is left to arrive.
    void end(State how, const std::string& why) {
        const std::lock_guard lock(mutex);
        if (state != State::Expected) return;
        state = how;
        reason = why;
        changed.notify_all();
    }
};

class ChunkFetch::Receiver : public DataReceiver {
public:
    explicit Receiver(std::shared_ptr<Awaited> awaited) : awaited_(std::move(awaited)) {}
    ~Receiver() override { abort(); }
    Receiver(const Receiver&) = delete;
    Receiver& operator=(const Receiver&) = delete;

    HandleResult start() override {
        if (!awaited_) return {Verdict::Ignored, {}, "Nobody waits for this data"};
        const std::lock_guard lock(awaited_->mutex);
        if (awaited_->state != Awaited::State::Expected) return {Verdict::Ignored, {}, "This data came already, or too late"};
        awaited_->state = Awaited::State::Arriving;
        is_arriving_ = true;
        return {};
    }

    bool write(std::span<const std::byte> octets) override {
        if (!is_arriving_) return false;
        // A traditional sender's chunk may be larger than the part that is missing.
        if (awaited_->wanted > 0) {
            octets = octets.first(static_cast<std::size_t>(
                std::min<std::int64_t>(static_cast<std::int64_t>(octets.size()), awaited_->wanted - awaited_->taken)));
        }
        try {
            if (!octets.empty() && !awaited_->sink.write(octets)) awaited_->is_stopped_by_sink = true;
        } catch (...) {
            awaited_->is_stopped_by_sink = true;
            awaited_->failure = std::current_exception();
        }
        if (awaited_->is_stopped_by_sink) return false;
        awaited_->taken += static_cast<std::int64_t>(octets.size());
        return true;
    }

    void finish(std::function<void(HandleResult)> done) override {
        settle(Awaited::State::Arrived);
        done({});
    }

    void abort() noexcept override { settle(Awaited::State::Expected); }

private:
    void settle(Awaited::State state) noexcept {
        if (!is_arriving_) return;
        is_arriving_ = false;
        const std::lock_guard lock(awaited_->mutex);
        // What the sink took must not be written twice; the fetch ends with what it has.
        awaited_->state = awaited_->taken > 0 || awaited_->is_stopped_by_sink ? Awaited::State::Arrived : state;
        awaited_->changed.notify_all();
    }

    const std::shared_ptr<Awaited> awaited_;
    bool is_arriving_ = false;
};

ChunkFetch::ChunkFetch(const rules::NodeContext& context, Send send) : context_(context), send_(std::move(send)) {}

ChunkFetch::~ChunkFetch() = default;

std::shared_ptr<ChunkFetch::Awaited> ChunkFetch::expect(const Place& place, DataSink& sink, std::int64_t wanted) {
    auto awaited = std::make_shared<Awaited>(sink, wanted);
    const std::lock_guard lock(mutex_);
    if (is_stopped_) throw Error(ErrorKind::NotConnected, "this node stops");
    if (!awaited_.emplace(place, awaited).second) throw Error(ErrorKind::Conflict, "This data is being fetched already");
    return awaited;
}

void ChunkFetch::forget(const Place& place, const std::shared_ptr<Awaited>& awaited) {
    {
        const std::lock_guard lock(mutex_);
        awaited_.erase(place);
    }
    // Whoever found it before may be writing into the sink, which ends with this call.
    std::unique_lock lock(awaited->mutex);
    awaited->changed.wait(lock, [&] { return awaited->state != Awaited::State::Arriving; });
    if (awaited->state == Awaited::State::Expected) awaited->state = Awaited::State::Lost;
}

void ChunkFetch::ask(const DataRequest& request, std::int64_t offset, std::int64_t wanted) {
    Message message;
    message.command = Command::GetData;
    message.meta.org = request.key.org;
    message.meta.object_type = request.key.type;
    message.meta.object_id = request.key.id;
    message.meta.destination_type = context_.self.type;
    message.meta.destination_id = context_.self.id;
    message.meta.origin_type = rules::kCloud;
    message.meta.origin_id = rules::kCloud;
    message.meta.instance_id = request.instance_id;
    message.meta.data_id = request.data_id;
    message.meta.object_size = request.total;
    message.meta.chunk_size = static_cast<std::int32_t>(std::clamp<std::int64_t>(wanted, 1, context_.max_chunk_size));
    message.offset = offset;
    send_(message);
}

PeerAnswer ChunkFetch::fetch(const DataRequest& request, DataSink& sink) {
    const std::int64_t end = request.length > 0 ? request.offset + request.length : request.total;
    std::int64_t offset = request.offset;
    if (!sink.begin(request.length == 0 && request.offset > 0, end - offset, "")) return {Verdict::Failed, "the data was not wanted", {}};
    do {
        const Place place{request.key, request.instance_id, offset};
        const auto awaited = expect(place, sink, std::max<std::int64_t>(end - offset, 0));
        const std::unique_ptr<void, std::function<void(void*)>> registered(awaited.get(), [&](void*) { forget(place, awaited); });
        for (int attempt = 1; attempt <= kAttempts; ++attempt) {
            ask(request, offset, end - offset);
            std::unique_lock lock(awaited->mutex);
            const auto is_decided = [&] {
                return awaited->state != Awaited::State::Expected && awaited->state != Awaited::State::Arriving;
            };
            if (awaited->changed.wait_for(lock, patience(context_, end - offset), is_decided)) break;
        }
        std::unique_lock lock(awaited->mutex);
        awaited->changed.wait(lock, [&] { return awaited->state != Awaited::State::Arriving; });
        if (awaited->failure) std::rethrow_exception(awaited->failure);
        switch (awaited->state) {
            case Awaited::State::Arrived: break;
            case Awaited::State::Refused: return {Verdict::NotFound, awaited->reason, {}};
            case Awaited::State::Lost: throw Error(ErrorKind::NotConnected, awaited->reason);
            default: throw Error(ErrorKind::Timeout, "the CSS does not answer a request for data");
        }
        if (awaited->is_stopped_by_sink || awaited->taken == 0) break;
        offset += awaited->taken;
    } while (offset < end);
    return {};
}

std::unique_ptr<DataReceiver> ChunkFetch::receiver(const DataRequest& arrived) {
    const std::lock_guard lock(mutex_);
    const auto found = awaited_.find({arrived.key, arrived.instance_id, arrived.offset});
    return std::make_unique<Receiver>(found == awaited_.end() ? nullptr : found->second);
}

void ChunkFetch::refused(const ObjectKey& key, InstanceId instance, bool is_gone, const std::string& reason) {
    const std::lock_guard lock(mutex_);
    for (auto at = awaited_.lower_bound({key, instance, 0}); at != awaited_.end(); ++at) {
        if (std::get<0>(at->first) != key || std::get<1>(at->first) != instance) return;
        at->second->end(is_gone ? Awaited::State::Refused : Awaited::State::Lost, reason);
    }
}

void ChunkFetch::line_lost() {
    const std::lock_guard lock(mutex_);
    for (const auto& [place, awaited] : awaited_) awaited->end(Awaited::State::Lost, "the connection was lost");
}

void ChunkFetch::stop() {
    {
        const std::lock_guard lock(mutex_);
        is_stopped_ = true;
    }
    line_lost();
}

}  // namespace edgesync::packet_line
