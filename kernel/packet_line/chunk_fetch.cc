#include "kernel/packet_line/chunk_fetch.h"

#include <algorithm>
#include <cstring>

#include "edgesync/sdk/error.h"
#include "kernel/data/ranges.h"
#include "kernel/packet_line/patience.h"
#include "kernel/packet_line/pieces.h"

namespace edgesync::packet_line {

/// One chunk on its way. Whoever brings octets copies them here; the one that fetches takes them when all are there, so that the line goes
/// on while they are stored, in one write that begins at a page.
struct ChunkFetch::Awaited {
    enum class State { Expected, Arrived, Refused, Lost, Unanswered };

    Awaited(ByteRange asked_in, std::int64_t wanted_in, bool is_in_pieces_in)
        : asked(asked_in), wanted(wanted_in), is_in_pieces(is_in_pieces_in) {}

    const ByteRange asked;
    const std::int64_t wanted;  ///< From the beginning of `asked` on; 0: all that comes.
    const bool is_in_pieces;

    std::mutex mutex;
    std::condition_variable changed;
    State state = State::Expected;
    ChunkBuffer octets;
    std::vector<ByteRange> there;
    std::string reason;
    /// Three quarters have come: the next chunk may be asked for, so that the line does not stand still while the question travels.
    std::atomic<bool> is_nearly_there = false;

    void end(State how, const std::string& why) {
        const std::lock_guard lock(mutex);
        if (state != State::Expected) return;
        state = how;
        reason = why;
        changed.notify_all();
    }

    bool is_for(std::int64_t offset) const { return offset == asked.begin || (is_in_pieces && offset > asked.begin && offset < asked.end); }

    // With the lock held.

    bool lacks(std::int64_t offset) const { return state == State::Expected && !data::contains(there, {offset, offset + 1}); }

    /// How many of them are wanted.
    std::int64_t take(std::int64_t offset, std::span<const std::byte> arrived) {
        auto count = static_cast<std::int64_t>(arrived.size());
        // A traditional sender's chunk may be larger than the part that is missing.
        const std::int64_t end = is_in_pieces ? asked.end : asked.begin + wanted;
        if (wanted > 0) count = std::clamp<std::int64_t>(end - offset, 0, count);
        if (count == 0) return 0;
        const auto at = static_cast<std::size_t>(offset - asked.begin);
        octets.grow(at + static_cast<std::size_t>(count));
        std::memcpy(octets.data() + at, arrived.data(), static_cast<std::size_t>(count));
        return count;
    }

    /// True: from now on the next chunk may be asked for.
    bool took(ByteRange range) {
        if (state != State::Expected) return false;
        data::add_range(there, range);
        if (is_in_pieces && !data::contains(there, asked))
            return data::size_of(there) >= (asked.end - asked.begin) / 4 * 3 && !is_nearly_there.exchange(true);
        state = State::Arrived;
        changed.notify_all();
        return false;  // Whoever fetches sees to it.
    }

    /// What must be asked for.
    std::vector<ByteRange> lacking() const {
        if (!is_in_pieces) return {{asked.begin, asked.begin + wanted}};
        std::vector<ByteRange> gaps{asked};
        data::remove_ranges(gaps, there);
        return gaps;
    }

    std::span<const std::byte> arrived() const {
        return {octets.data(), static_cast<std::size_t>(there.empty() ? 0 : there.front().end - asked.begin)};
    }
};

class ChunkFetch::Receiver : public DataReceiver {
public:
    Receiver(ChunkFetch& fetch, std::shared_ptr<Awaited> awaited, std::int64_t offset)
        : fetch_(fetch), awaited_(std::move(awaited)), range_{offset, offset} {}

    HandleResult start() override {
        if (!awaited_) return {Verdict::Ignored, {}, "Nobody waits for this data"};
        const std::lock_guard lock(awaited_->mutex);
        if (!awaited_->lacks(range_.begin)) return {Verdict::Ignored, {}, "This data came already, or too late"};
        is_started_ = true;
        return {};
    }

    bool write(std::span<const std::byte> octets) override {
        if (!is_started_) return false;
        const std::lock_guard lock(awaited_->mutex);
        if (awaited_->state != Awaited::State::Expected) return false;
        range_.end += awaited_->take(range_.end, octets);
        return true;
    }

    void finish(std::function<void(HandleResult)> done) override {
        if (is_started_ && took()) fetch_.make_room();
        done({});
    }

    void abort() noexcept override { is_started_ = false; }

private:
    bool took() {
        const std::lock_guard lock(awaited_->mutex);
        return awaited_->took(range_);
    }

    ChunkFetch& fetch_;
    const std::shared_ptr<Awaited> awaited_;
    ByteRange range_;
    bool is_started_ = false;
};

ChunkFetch::ChunkFetch(const rules::NodeContext& context, Send send) : context_(context), send_(std::move(send)) {}

ChunkFetch::~ChunkFetch() = default;

/// With the lock held.
bool ChunkFetch::has_room(const DataRequest& request, std::int64_t most) const {
    std::int64_t count = 0;
    for (auto at = awaited_.lower_bound({request.key, request.instance_id, 0}); at != awaited_.end(); ++at) {
        if (std::get<0>(at->first) != request.key || std::get<1>(at->first) != request.instance_id) break;
        if (!at->second->is_nearly_there) ++count;
    }
    const auto held = held_.find({request.key, request.instance_id});
    return count < most && (held == held_.end() || held->second <= most);
}

/// Waits until fewer chunks of the object are under way than may be, and no more in memory than one above that.
std::shared_ptr<ChunkFetch::Awaited> ChunkFetch::expect(const DataRequest& request, ByteRange wanted) {
    const std::int64_t size = wanted.end - wanted.begin;
    std::int64_t asked = std::min<std::int64_t>(size, context_.max_chunk_size);
    const bool is_in_pieces = gives_pieces_ && asked > kPiece;
    if (is_in_pieces) asked = std::min(asked, kMaxPieces * kPiece);
    std::int64_t most = context_.chunks_in_flight;
    if (is_in_pieces) most = std::clamp<std::int64_t>(kMaxPieces / ((asked - 1) / kPiece + 1), 1, most);
    auto awaited = std::make_shared<Awaited>(ByteRange{wanted.begin, wanted.begin + asked}, size, is_in_pieces);
    const Place place{request.key, request.instance_id, wanted.begin};
    const Place first{request.key, request.instance_id, 0};
    // In their order, because the octets are hashed in their order.
    const auto is_next = [&] {
        const auto lowest = waiting_.lower_bound(first);
        return lowest == waiting_.end() || !(*lowest < place);
    };
    std::unique_lock lock(mutex_);
    waiting_.insert(place);
    room_.wait(lock, [&] { return is_stopped_ || (is_next() && has_room(request, most)); });
    waiting_.erase(place);
    room_.notify_all();
    if (is_stopped_) throw Error(ErrorKind::NotConnected, "this node stops");
    if (!awaited_.emplace(place, awaited).second) throw Error(ErrorKind::Conflict, "This data is being fetched already");
    ++held_[{request.key, request.instance_id}];
    return awaited;
}

/// A chunk is nearly there.
void ChunkFetch::make_room() {
    const std::lock_guard lock(mutex_);
    room_.notify_all();
}

/// It is not under way any more.
void ChunkFetch::forget(const Place& place, Awaited& awaited) {
    {
        const std::lock_guard lock(mutex_);
        awaited_.erase(place);
        room_.notify_all();
    }
    awaited.end(Awaited::State::Lost, "it was given up");  // For who found it before.
}

/// It is not in memory any more.
void ChunkFetch::release(const DataRequest& request, Awaited& awaited) {
    buffers_.give_back(std::move(awaited.octets));
    const std::lock_guard lock(mutex_);
    const auto held = held_.find({request.key, request.instance_id});
    if (--held->second == 0) held_.erase(held);
    room_.notify_all();
}

void ChunkFetch::ask(const DataRequest& request, ByteRange wanted, bool in_pieces) {
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
    message.meta.chunk_size = static_cast<std::int32_t>(std::clamp<std::int64_t>(wanted.end - wanted.begin, 1, context_.max_chunk_size));
    message.offset = wanted.begin;
    if (in_pieces) message.capabilities = {kPieces};
    send_(message);
}

/// Asks until something is decided. A chunk of which pieces came and then no more for a while lacks what got lost; what nothing came of yet
/// may wait behind others.
void ChunkFetch::await(const DataRequest& request, Awaited& awaited) {
    constexpr int kLooks = 6;
    const auto pause = awaited.is_in_pieces ? context_.resend_interval : patience(context_, awaited.wanted);
    const auto is_decided = [&] { return awaited.state != Awaited::State::Expected; };
    std::unique_lock lock(awaited.mutex);
    if (awaited.octets.size() == 0) awaited.octets = buffers_.take(static_cast<std::size_t>(awaited.asked.end - awaited.asked.begin));
    for (int attempt = 1; attempt <= kAttempts; ++attempt) {
        const auto gaps = awaited.lacking();
        lock.unlock();
        for (const ByteRange& gap : gaps) ask(request, gap, awaited.is_in_pieces);
        lock.lock();
        std::int64_t known = data::size_of(awaited.there);
        for (int look = awaited.is_in_pieces && known == 0 ? 1 : kLooks; look <= kLooks; ++look) {
            if (awaited.changed.wait_for(lock, pause, is_decided)) return;
            const std::int64_t there = data::size_of(awaited.there);
            if (there == known) continue;
            known = there;
            look = kLooks - 1;
            attempt = 0;
        }
    }
    if (awaited.state == Awaited::State::Expected) awaited.state = Awaited::State::Unanswered;
}

/// `taken`: how many octets came and the sink took. An answer ends the fetch.
std::optional<PeerAnswer> ChunkFetch::fetch_chunk(const DataRequest& request, ByteRange wanted, DataSink& sink, std::int64_t& taken) {
    using Guard = std::unique_ptr<Awaited, std::function<void(Awaited*)>>;
    const auto awaited = expect(request, wanted);
    const Guard held(awaited.get(), [&](Awaited* chunk) { release(request, *chunk); });
    {
        const Place place{request.key, request.instance_id, wanted.begin};
        const Guard registered(awaited.get(), [&](Awaited* chunk) { forget(place, *chunk); });
        await(request, *awaited);
    }
    // Decided, so nobody else changes it any more.
    switch (awaited->state) {
        case Awaited::State::Arrived: break;
        case Awaited::State::Refused: return PeerAnswer{Verdict::NotFound, awaited->reason, {}};
        case Awaited::State::Lost: throw Error(ErrorKind::NotConnected, awaited->reason);
        default: throw Error(ErrorKind::Timeout, "the CSS does not answer a request for data");
    }
    const auto octets = awaited->arrived();
    taken = static_cast<std::int64_t>(octets.size());
    if (!octets.empty() && !sink.write(octets)) taken = 0;
    return std::nullopt;
}

PeerAnswer ChunkFetch::fetch(const DataRequest& request, DataSink& sink) {
    const std::int64_t end = request.length > 0 ? request.offset + request.length : request.total;
    std::int64_t offset = request.offset;
    if (!sink.begin(request.length == 0 && request.offset > 0, end - offset, "")) return {Verdict::Failed, "the data was not wanted", {}};
    const ChunkBuffers::User user(buffers_);
    do {
        std::int64_t taken = 0;
        if (const auto answer = fetch_chunk(request, {offset, std::max(offset, end)}, sink, taken)) return *answer;
        if (taken == 0) break;
        offset += taken;
    } while (offset < end);
    return {};
}

std::unique_ptr<DataReceiver> ChunkFetch::receiver(const DataRequest& arrived) {
    const std::lock_guard lock(mutex_);
    std::shared_ptr<Awaited> awaited;
    // The last one that begins there or before.
    auto at = awaited_.upper_bound({arrived.key, arrived.instance_id, arrived.offset});
    if (at != awaited_.begin()) {
        const auto& [place, candidate] = *--at;
        const bool is_of_object = std::get<0>(place) == arrived.key && std::get<1>(place) == arrived.instance_id;
        if (is_of_object && candidate->is_for(arrived.offset)) awaited = candidate;
    }
    return std::make_unique<Receiver>(*this, std::move(awaited), arrived.offset);
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
        room_.notify_all();
    }
    line_lost();
}

}  // namespace edgesync::packet_line
