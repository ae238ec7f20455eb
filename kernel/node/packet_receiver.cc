#include "kernel/node/packet_receiver.h"

#include <algorithm>

#include "edgesync/sdk/error.h"
#include "kernel/addressing/announce.h"
#include "kernel/data/ranges.h"
#include "kernel/delivery/chunk_requests.h"
#include "kernel/delivery/registration.h"
#include "kernel/node/transport_host.h"

namespace edgesync::node {
namespace {

constexpr std::int32_t kIoError = 2;
constexpr std::int32_t kSecurityError = 3;

class PacketReceiver : public DataReceiver {
public:
    PacketReceiver(const ReceptionParts& parts, const NodeKey& peer, const DataRequest& range, std::string announced_sha256)
        : parts_(parts), peer_(peer), range_(range), announced_sha256_(std::move(announced_sha256)) {}

    HandleResult start() override {
        try {
            HandleResult result = judge();
            if (result.verdict != Verdict::Accepted) return result;
            result = begin();
            // As at the end: what the node cannot know by itself it is told, or it would bring the same again and again.
            if (result.verdict == Verdict::Invalid || result.verdict == Verdict::Failed) result.replies = {failure(meta_, result, false)};
            return result;
        } catch (...) {
            return verdict_of(std::current_exception());
        }
    }

    bool write(std::span<const std::byte> octets) override {
        // Traditional nodes pad their last chunk.
        octets = octets.first(static_cast<std::size_t>(std::min<std::int64_t>(static_cast<std::int64_t>(octets.size()), left_)));
        left_ -= static_cast<std::int64_t>(octets.size());
        return octets.empty() || inner_->write(octets);
    }

    void finish(std::function<void(HandleResult)> done) override {
        // The inner one may outlive this object: it calls when the data is durable.
        inner_->finish(
            [parts = parts_, meta = meta_, offset = range_.offset, is_whole = is_whole_, done = std::move(done)](HandleResult result) {
                // Nothing follows the only chunk; this runs on a thread of the store.
                if (is_whole && result.verdict == Verdict::Accepted) return done(std::move(result));
                result.replies = replies_to(parts, meta, offset, result);
                done(std::move(result));
            });
    }

    void abort() noexcept override {
        if (inner_) inner_->abort();
    }

private:
    /// Whether this part of this object is wanted from this node.
    HandleResult judge() {
        std::optional<ObjectRecord> object;
        std::vector<ByteRange> received;
        bool is_known = false;
        parts_.operations.store().read([&](ReadTransaction& txn) {
            received.clear();
            is_known = txn.destination(peer_).has_value();
            object = txn.object(range_.key);
            if (!object || !object->staged) return;
            const auto blob = txn.blob(*object->staged);
            if (blob && blob->instance_id == range_.instance_id) received = blob->received;
        });
        if (!is_known) return {Verdict::UnknownPeer, {delivery::must_register()}, "The node is not registered"};
        const bool is_awaited = object && object->side == Side::Receiver && object->status == ObjectStatus::PartiallyReceived &&
                                object->meta.instance_id == range_.instance_id && range_.key.org == peer_.org &&
                                addressing::origin_of(parts_.context, object->meta) == peer_;
        if (!is_awaited) return {Verdict::Ignored, {}, "This version is not awaited from this node"};
        meta_ = object->meta;
        const std::int64_t total = meta_.object_size;
        // An object of unknown size comes in one piece.
        const bool is_inside = total > 0 ? range_.offset >= 0 && range_.offset < total && range_.length > 0 : range_.offset == 0;
        if (!is_inside) return {Verdict::Ignored, {}, "There is no such part"};
        wanted_ = total > 0 ? std::min(range_.length, total - range_.offset) : range_.length;
        if (wanted_ > 0 && data::contains(received, {range_.offset, range_.offset + wanted_})) {
            return {Verdict::Ignored, {}, "This part came already"};
        }
        return {};
    }

    HandleResult begin() {
        const std::int64_t total = meta_.object_size;
        is_whole_ = range_.offset == 0 && (total <= 0 || wanted_ == total);
        left_ = wanted_;
        DataRequest request = range_;
        request.data_id = meta_.data_id;
        request.total = total;
        request.length = is_whole_ ? 0 : wanted_;
        inner_ = make_data_receiver(parts_, peer_, request, wanted_, announced_sha256_, "");
        return inner_->start();
    }

    static std::vector<Message> replies_to(const ReceptionParts& parts, const Metadata& meta, std::int64_t offset,
                                           const HandleResult& result) {
        std::vector<Message> replies;
        try {
            parts.operations.store().read([&](ReadTransaction& txn) {
                replies.clear();
                const auto object = txn.object({meta.org, meta.object_type, meta.object_id});
                if (object && object->meta.instance_id == meta.instance_id) replies = replies_about(parts, txn, *object, offset, result);
            });
        } catch (const std::exception&) {
            replies.clear();  // The look at what does not move asks again.
        }
        return replies;
    }

    static std::vector<Message> replies_about(const ReceptionParts& parts, ReadTransaction& txn, const ObjectRecord& object,
                                              std::int64_t offset, const HandleResult& result) {
        const bool is_awaited = object.status == ObjectStatus::PartiallyReceived;
        switch (result.verdict) {
            case Verdict::Accepted: {
                auto next = delivery::next_chunk_request(parts.context, txn, object, offset);
                return next ? std::vector<Message>{std::move(*next)} : std::vector<Message>{};
            }
            // The store is away, and the chunk is asked for again when it is back.
            case Verdict::UnknownPeer:
            case Verdict::Busy:
            case Verdict::Unavailable: return {};
            // Another chunk, or another version, was faster; or it is not what was announced.
            case Verdict::Ignored: return is_awaited ? std::vector<Message>{failure(object.meta, result, false)} : std::vector<Message>{};
            default: return {failure(object.meta, result, object.status == ObjectStatus::ReceiverVerificationFailed)};
        }
    }

    /// The node announces the object again.
    static Message failure(const Metadata& meta, const HandleResult& result, bool is_forged) {
        Message feedback;
        feedback.command = Command::Feedback;
        feedback.meta.org = meta.org;
        feedback.meta.object_type = meta.object_type;
        feedback.meta.object_id = meta.object_id;
        feedback.meta.instance_id = meta.instance_id;
        feedback.meta.data_id = meta.data_id;
        feedback.meta.origin_type = meta.origin_type;
        feedback.meta.origin_id = meta.origin_id;
        feedback.meta.destination_type = meta.destination_type;
        feedback.meta.destination_id = meta.destination_id;
        feedback.feedback.code = is_forged ? kSecurityError : kIoError;
        feedback.feedback.reason = result.reason;
        return feedback;
    }

    const ReceptionParts parts_;
    const NodeKey peer_;
    const DataRequest range_;
    const std::string announced_sha256_;
    Metadata meta_;
    std::int64_t wanted_ = 0;  ///< Octets of this part.
    std::int64_t left_ = 0;    ///< Octets that count and have not come yet.
    bool is_whole_ = false;
    std::unique_ptr<DataReceiver> inner_;
};

}  // namespace

std::unique_ptr<DataReceiver> make_packet_receiver(const ReceptionParts& parts, const NodeKey& peer, const DataRequest& range,
                                                   const std::string& announced_sha256) {
    return std::make_unique<PacketReceiver>(parts, peer, range, announced_sha256);
}

}  // namespace edgesync::node
