#include "kernel/packet_line/chunk_service.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <utility>

#include "edgesync/sdk/error.h"
#include "kernel/delivery/inbound.h"
#include "kernel/packet_line/pieces.h"

namespace edgesync::packet_line {
namespace {

constexpr std::int32_t kIoError = 2;
constexpr std::int32_t kUnknownObject = 5;

/// What is read at once. A store of rows gives a megabyte as fast as a piece.
constexpr std::int64_t kWindow = 1024 * 1024;
/// Whoever sends pieces for so long lets others have the worker. At this pace what is read again then costs little.
constexpr std::chrono::milliseconds kMostAtOnce{500};

/// Some octets of a source, read at once.
class Window : public BlobReader {
public:
    Window(BlobReader& source, ByteRange range) : source_(source), begin_(range.begin) {
        const auto size = static_cast<std::size_t>(range.end - range.begin);
        octets_ = std::make_unique_for_overwrite<std::byte[]>(size);
        for (std::size_t count = 1; count > 0 && size_ < size; size_ += count)
            count = source.read(begin_ + static_cast<std::int64_t>(size_), {octets_.get() + size_, size - size_});
    }

    std::int64_t size() const override { return source_.size(); }
    std::size_t read(std::int64_t offset, std::span<std::byte> out) override {
        const std::int64_t end = begin_ + static_cast<std::int64_t>(size_);
        if (offset < begin_ || offset >= end) return source_.read(offset, out);
        const std::size_t count = std::min(out.size(), static_cast<std::size_t>(end - offset));
        std::memcpy(out.data(), octets_.get() + (offset - begin_), count);
        return count;
    }

private:
    BlobReader& source_;
    const std::int64_t begin_;
    std::unique_ptr<std::byte[]> octets_;
    std::size_t size_ = 0;
};

}  // namespace

/// A question that is being answered, by one job after the other.
struct ChunkService::Answer {
    Transport& transport;
    const NodeKey peer;
    const Message question;
    const Done done;
    std::optional<ObjectRecord> object = std::nullopt;  ///< From the first job on, as the following.
    std::shared_ptr<Source> source = nullptr;
    DataRequest next = {};  ///< Where the next message begins.
    std::int64_t end = 0;
    std::int64_t largest = 0;  ///< Octets of a message.
};

ChunkService::ChunkService(const rules::NodeContext& context, rules::Operations& operations, rules::Scheduler& scheduler, Open open)
    : context_(context), operations_(operations), scheduler_(scheduler), open_(std::move(open)) {}

ChunkService::~ChunkService() {
    const std::lock_guard lock(mutex_);
    is_stopped_ = true;
    scheduler_.cancel(timer_);
}

void ChunkService::serve(Transport& transport, const NodeKey& peer, Message question, Done done) {
    go_on(std::make_shared<Answer>(Answer{transport, peer, std::move(question), std::move(done)}));
}

void ChunkService::go_on(const std::shared_ptr<Answer>& answer) {
    const bool is_queued = scheduler_.work([this, answer] { work(answer); });
    if (!is_queued) answer->done({Verdict::Busy, {}, "Too many requests for data"});
}

void ChunkService::work(const std::shared_ptr<Answer>& answer) {
    const Message& question = answer->question;
    std::optional<HandleResult> result;
    try {
        result = step(*answer);
    } catch (const Error& error) {
        // What the line or the store is to blame for passes; the receiver asks again.
        const bool may_pass = error.kind() == ErrorKind::NotConnected || error.kind() == ErrorKind::Timeout ||
                              error.kind() == ErrorKind::Busy || error.kind() == ErrorKind::Conflict || error.kind() == ErrorKind::NoSpace;
        result = may_pass ? HandleResult{Verdict::Unavailable, {}, error.what()} : refusal(question, kIoError, error.what());
    } catch (const std::exception& error) {
        result = refusal(question, kIoError, error.what());
    }
    if (!result) return go_on(answer);
    answer->done(std::move(*result));
}

HandleResult ChunkService::refusal(const Message& question, std::int32_t code, const std::string& reason) const {
    Message feedback;
    feedback.command = Command::Feedback;
    feedback.meta = question.meta;
    feedback.meta.origin_type = context_.self.type;
    feedback.meta.origin_id = context_.self.id;
    feedback.feedback.code = code;
    feedback.feedback.from_origin = true;
    feedback.feedback.reason = reason;
    return {Verdict::NotFound, {std::move(feedback)}, reason};
}

/// Nothing: another job goes on.
std::optional<HandleResult> ChunkService::step(Answer& answer) {
    if (!answer.object) {
        if (auto refused = find_object(answer)) return refused;
    }
    if (!unreadable_) return push(answer);
    try {
        auto result = push(answer);
        if (result) readable_(answer.object->key());
        return result;
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::Io && error.kind() != ErrorKind::Corrupt && error.kind() != ErrorKind::NotFound) throw;
        unreadable_(*answer.object, error);
        return HandleResult{Verdict::Unavailable, {}, error.what()};
    }
}

/// A result: why not.
std::optional<HandleResult> ChunkService::find_object(Answer& answer) {
    const NodeKey& peer = answer.peer;
    const Message& question = answer.question;
    const ObjectKey key = question.key();
    std::optional<NotificationRecord> record;
    std::optional<ObjectRecord> object;
    bool is_known = true;
    operations_.store().read([&](ReadTransaction& txn) {
        is_known = !context_.is_css() || txn.destination(peer).has_value();
        record = txn.notification(key, context_.is_css() ? peer : context_.self);
        if (record && record->instance_id == question.meta.instance_id) object = txn.object(key);
    });
    if (!is_known) return HandleResult{Verdict::UnknownPeer, {}, "The node is not registered"};
    const bool is_current = object && object->side == Side::Sender && object->meta.instance_id == question.meta.instance_id;
    const bool is_sent = is_current && (object->status == ObjectStatus::Ready || object->status == ObjectStatus::Verifying);
    if (!is_sent) return refusal(question, kUnknownObject, "Object was not found");
    if (record->status != NotificationStatus::Data) {
        const auto result = operations_.run_and_wait<HandleResult>([&](WriteTransaction& txn, rules::Effects& effects) {
            return delivery::handle_message(context_, txn, peer, question, effects);
        });
        if (result.verdict != Verdict::Accepted) return refusal(question, kUnknownObject, result.reason);
    }
    answer.object = std::move(object);
    return std::nullopt;
}

/// The same.
std::optional<HandleResult> ChunkService::open(Answer& answer) {
    const Message& question = answer.question;
    const ObjectRecord& object = *answer.object;
    const std::int64_t largest = answer.transport.largest_payload(answer.peer);
    auto source = source_of(object, largest);
    if (!source) return refusal(question, kUnknownObject, "Object was not found");
    const std::int64_t total = source->reader->size();
    const bool is_inside = question.offset >= 0 && (question.offset < total || (total == 0 && question.offset == 0));
    if (!is_inside) return refusal(question, kUnknownObject, "The data ends before this offset");
    answer.next.key = object.key();
    answer.next.instance_id = question.meta.instance_id;
    answer.next.data_id = object.meta.data_id;
    answer.next.offset = question.offset;
    answer.next.total = total;
    // The receiver counts in chunks of the size that it was told, which is what it tells us.
    std::int64_t length = question.meta.chunk_size > 0 ? question.meta.chunk_size : object.meta.chunk_size;
    if (length <= 0) length = context_.max_chunk_size;
    const bool is_in_pieces = takes_pieces(question.capabilities);
    // Who takes pieces waits for all that it asked for.
    length = std::min<std::int64_t>(length, is_in_pieces ? kMaxPieces * kPiece : context_.max_chunk_size);
    if (largest > 0 && !is_in_pieces) length = std::min(length, largest);
    answer.end = question.offset + std::min(length, total - question.offset);
    answer.largest = is_in_pieces ? kPiece : length;
    if (largest > 0) answer.largest = std::min(answer.largest, largest);
    answer.source = std::move(source);
    return std::nullopt;
}

/// Nothing: there is more.
std::optional<HandleResult> ChunkService::push(Answer& answer) {
    if (!answer.source) {
        if (auto refused = open(answer)) return refused;
    }
    if (answer.end - answer.next.offset > answer.largest) return push_window(answer);
    answer.next.length = answer.end - answer.next.offset;
    answer.transport.push(answer.peer, answer.next, *answer.source->reader, answer.source->sha256);
    return HandleResult{};
}

/// The same.
std::optional<HandleResult> ChunkService::push_window(Answer& answer) {
    DataRequest& next = answer.next;
    const std::int64_t whole = std::max<std::int64_t>(kWindow / answer.largest, 1) * answer.largest;
    const std::int64_t end = std::min(answer.end, next.offset + whole);
    BlobReader& reader = *answer.source->reader;
    std::optional<Window> window;
    // A file gives pieces as fast.
    if (reader.file_descriptor() < 0) window.emplace(reader, ByteRange{next.offset, end});
    const auto since = std::chrono::steady_clock::now();
    do {
        next.length = std::min(answer.largest, end - next.offset);
        answer.transport.push(answer.peer, next, window ? *window : reader, answer.source->sha256);
        next.offset += next.length;
    } while (next.offset < end && std::chrono::steady_clock::now() - since < kMostAtOnce);
    if (next.offset < answer.end) return std::nullopt;
    return HandleResult{};
}

std::shared_ptr<ChunkService::Source> ChunkService::remembered(const ObjectKey& key, InstanceId instance) {
    const std::lock_guard lock(mutex_);
    const auto found = std::find_if(sources_.begin(), sources_.end(),
                                    [&](const auto& source) { return source->key == key && source->instance == instance; });
    if (found == sources_.end()) return nullptr;
    (*found)->last_use = std::chrono::steady_clock::now();
    sources_.splice(sources_.begin(), sources_, found);
    return sources_.front();
}

std::shared_ptr<ChunkService::Source> ChunkService::source_of(const ObjectRecord& object, std::int64_t largest) {
    if (auto known = remembered(object.key(), object.meta.instance_id)) return known;
    OpenedData opened = open_(object);
    if (!opened.reader) return nullptr;
    auto source = std::make_shared<Source>();
    source->key = object.key();
    source->instance = object.meta.instance_id;
    source->reader = std::move(opened.reader);
    source->sha256 = std::move(opened.sha256);
    source->last_use = std::chrono::steady_clock::now();
    // One chunk has all of it: nobody asks again.
    const std::int64_t one = largest > 0 ? std::min<std::int64_t>(largest, object.meta.chunk_size) : object.meta.chunk_size;
    if (source->reader->size() <= one) return source;
    const std::lock_guard lock(mutex_);
    sources_.push_front(source);
    if (sources_.size() > kMaxSources) sources_.pop_back();
    if (timer_ == 0 && !is_stopped_) timer_ = scheduler_.after(kIdle, [this] { forget_unused(); });
    return source;
}

/// An open file keeps its disk space after the object is gone.
void ChunkService::forget_unused() {
    const std::lock_guard lock(mutex_);
    const auto now = std::chrono::steady_clock::now();
    sources_.remove_if([&](const auto& source) { return now - source->last_use >= kIdle; });
    timer_ = 0;
    if (!sources_.empty() && !is_stopped_) timer_ = scheduler_.after(kIdle, [this] { forget_unused(); });
}

}  // namespace edgesync::packet_line
