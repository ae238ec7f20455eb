#include "kernel/packet_line/chunk_service.h"

#include <algorithm>

#include "edgesync/sdk/error.h"
#include "kernel/delivery/inbound.h"
#include "kernel/packet_line/pieces.h"

namespace edgesync::packet_line {
namespace {

constexpr std::int32_t kIoError = 2;
constexpr std::int32_t kUnknownObject = 5;

}  // namespace

ChunkService::ChunkService(const rules::NodeContext& context, rules::Operations& operations, rules::Scheduler& scheduler, Open open)
    : context_(context), operations_(operations), scheduler_(scheduler), open_(std::move(open)) {}

ChunkService::~ChunkService() {
    const std::lock_guard lock(mutex_);
    is_stopped_ = true;
    scheduler_.cancel(timer_);
}

void ChunkService::serve(Transport& transport, const NodeKey& peer, Message question, Done done) {
    const bool is_queued = scheduler_.work([this, &transport, peer, question = std::move(question), done] {
        HandleResult result;
        try {
            result = answer(transport, peer, question);
        } catch (const Error& error) {
            // What the line or the store is to blame for passes; the receiver asks again.
            const bool may_pass = error.kind() == ErrorKind::NotConnected || error.kind() == ErrorKind::Timeout ||
                                  error.kind() == ErrorKind::Busy || error.kind() == ErrorKind::Conflict ||
                                  error.kind() == ErrorKind::NoSpace;
            result = may_pass ? HandleResult{Verdict::Unavailable, {}, error.what()} : refusal(question, kIoError, error.what());
        } catch (const std::exception& error) {
            result = refusal(question, kIoError, error.what());
        }
        done(std::move(result));
    });
    if (!is_queued) done({Verdict::Busy, {}, "Too many requests for data"});
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

HandleResult ChunkService::answer(Transport& transport, const NodeKey& peer, const Message& question) {
    const ObjectKey key = question.key();
    std::optional<NotificationRecord> record;
    std::optional<ObjectRecord> object;
    bool is_known = true;
    operations_.store().read([&](ReadTransaction& txn) {
        is_known = !context_.is_css() || txn.destination(peer).has_value();
        record = txn.notification(key, context_.is_css() ? peer : context_.self);
        if (record && record->instance_id == question.meta.instance_id) object = txn.object(key);
    });
    if (!is_known) return {Verdict::UnknownPeer, {}, "The node is not registered"};
    const bool is_current = object && object->side == Side::Sender && object->meta.instance_id == question.meta.instance_id;
    const bool is_sent = is_current && (object->status == ObjectStatus::Ready || object->status == ObjectStatus::Verifying);
    if (!is_sent) return refusal(question, kUnknownObject, "Object was not found");
    if (record->status != NotificationStatus::Data) {
        const auto result = operations_.run_and_wait<HandleResult>([&](WriteTransaction& txn, rules::Effects& effects) {
            return delivery::handle_message(context_, txn, peer, question, effects);
        });
        if (result.verdict != Verdict::Accepted) return refusal(question, kUnknownObject, result.reason);
    }
    if (!unreadable_) return push(transport, peer, question, *object);
    try {
        auto result = push(transport, peer, question, *object);
        readable_(key);
        return result;
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::Io && error.kind() != ErrorKind::Corrupt && error.kind() != ErrorKind::NotFound) throw;
        unreadable_(*object, error);
        return {Verdict::Unavailable, {}, error.what()};
    }
}

HandleResult ChunkService::push(Transport& transport, const NodeKey& peer, const Message& question, const ObjectRecord& object) {
    const std::int64_t largest = transport.largest_payload(peer);
    const auto source = source_of(object, largest);
    if (!source) return refusal(question, kUnknownObject, "Object was not found");
    const std::int64_t total = source->reader->size();
    const bool is_inside = question.offset >= 0 && (question.offset < total || (total == 0 && question.offset == 0));
    if (!is_inside) return refusal(question, kUnknownObject, "The data ends before this offset");
    DataRequest request;
    request.key = object.key();
    request.instance_id = question.meta.instance_id;
    request.data_id = object.meta.data_id;
    request.offset = question.offset;
    // The receiver counts in chunks of the size that it was told, which is what it tells us.
    std::int64_t length = question.meta.chunk_size > 0 ? question.meta.chunk_size : object.meta.chunk_size;
    if (length <= 0) length = context_.max_chunk_size;
    const bool is_in_pieces = takes_pieces(question.capabilities);
    // Who takes pieces waits for all that it asked for.
    length = std::min<std::int64_t>(length, is_in_pieces ? kMaxPieces * kPiece : context_.max_chunk_size);
    if (largest > 0 && !is_in_pieces) length = std::min(length, largest);
    request.total = total;
    const std::int64_t end = question.offset + std::min(length, total - question.offset);
    std::int64_t one = is_in_pieces ? kPiece : length;
    if (largest > 0) one = std::min(one, largest);
    do {
        request.length = std::min(one, end - request.offset);
        transport.push(peer, request, *source->reader, source->sha256);
        request.offset += request.length;
    } while (request.offset < end);
    return {};
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
