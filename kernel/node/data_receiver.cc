#include "kernel/node/data_receiver.h"

#include "edgesync/sdk/error.h"
#include "kernel/data/received_files.h"
#include "kernel/data/streamed_blob.h"
#include "kernel/delivery/inbound.h"
#include "kernel/node/signature_problem.h"
#include "kernel/node/transport_host.h"

namespace edgesync::node {
namespace {

/// A whole body. It is stored apart and published when it is complete and as announced.
class WholeReceiver : public DataReceiver {
public:
    WholeReceiver(const ReceptionParts& parts, const NodeKey& peer, const DataRequest& request, std::int64_t body_length,
                  std::string repr_sha256)
        : parts_(parts), peer_(peer), request_(request), repr_sha256_(std::move(repr_sha256)),
          blob_(std::make_shared<data::StreamedBlob>(parts.operations.store(), parts.largest_object, body_length)) {}

    HandleResult start() override {
        HandleResult result;
        parts_.operations.store().read([&](ReadTransaction& txn) {
            if (!txn.destination(peer_)) {
                result = {Verdict::UnknownPeer, {}, "The node is not registered"};
                return;
            }
            const auto object = txn.object(request_.key);
            if (!object) {
                result = {Verdict::Invalid, {}, "The object is not known"};
            } else if (object->side != Side::Receiver || object->meta.instance_id != request_.instance_id ||
                       object->status != ObjectStatus::PartiallyReceived) {
                result = {Verdict::Ignored, {}, "This version is not awaited"};
            } else {
                expected_ = object->meta.object_size;
            }
        });
        return result;
    }

    bool write(std::span<const std::byte> octets) override {
        try {
            blob_->write(octets);
            return true;
        } catch (...) {
            failure_ = verdict_of(std::current_exception());
            return false;
        }
    }

    void finish(std::function<void(HandleResult)> done) override {
        if (failure_) return done(*failure_);
        if (expected_ > 0 && blob_->size() != expected_) {
            return done({Verdict::Invalid,
                         {},
                         "The data has " + std::to_string(blob_->size()) + " bytes, announced were " + std::to_string(expected_)});
        }
        try {
            blob_->finish();
        } catch (...) {
            return done(verdict_of(std::current_exception()));
        }
        if (!repr_sha256_.empty() && repr_sha256_ != blob_->sha256()) {
            return done({Verdict::Ignored, {}, "The data does not match its Repr-Digest"});
        }
        data::ReceivedFiles::Placed placed;
        try {
            if (const std::string problem = problem_of_signature(); !problem.empty()) {
                reject(problem);
                return done({Verdict::Failed, {}, problem});
            }
            placed = place();
        } catch (...) {
            return done(verdict_of(std::current_exception()));
        }
        publish(std::move(placed), std::move(done));
    }

    void abort() noexcept override { blob_.reset(); }

private:
    std::string problem_of_signature() {
        Metadata meta;
        parts_.operations.store().read([&](ReadTransaction& txn) {
            if (const auto object = txn.object(request_.key)) meta = object->meta;
        });
        return signature_problem_of(meta, [this](std::int64_t offset, std::span<std::byte> out) { return blob_->read(offset, out); });
    }

    /// Unverified data is never published; the object's status shows it.
    void reject(const std::string& problem) {
        parts_.operations.run_and_wait<bool>([&](WriteTransaction& txn, rules::Effects& effects) {
            return delivery::fail_reception(parts_.context, txn, request_.key, request_.instance_id, {3, problem, true}, effects);
        });
    }

    data::ReceivedFiles::Placed place() {
        if (parts_.files == nullptr) return {};
        const auto read = [this](std::int64_t offset, std::span<std::byte> out) { return blob_->read(offset, out); };
        return parts_.files->place(request_.key, request_.instance_id, blob_->size(), read);
    }

    void publish(data::ReceivedFiles::Placed placed, std::function<void(HandleResult)> done) {
        delivery::ReceivedData received;
        received.blob = blob_->id();
        received.is_staged = blob_->is_staged();
        received.octets = blob_->octets();
        received.size = blob_->size();
        received.sha256 = blob_->sha256();
        received.is_in_file = placed.is_in_file;
        const rules::NodeContext& context = parts_.context;
        parts_.operations.run<bool>(
            [&context, key = request_.key, instance = request_.instance_id, received](WriteTransaction& txn, rules::Effects& effects) {
                return delivery::complete_data(context, txn, key, instance, received, effects);
            },
            [blob = blob_, placed, done = std::move(done)](rules::Outcome<bool> outcome) {
                if (outcome.error) return done(verdict_of(outcome.error));
                if (*outcome.value && !placed.is_in_file) blob->keep();
                done(*outcome.value ? HandleResult{} : HandleResult{Verdict::Ignored, {}, "This version is not awaited"});
            });
    }

    const ReceptionParts parts_;
    const NodeKey peer_;
    const DataRequest request_;
    const std::string repr_sha256_;
    std::int64_t expected_ = 0;
    std::shared_ptr<data::StreamedBlob> blob_;
    std::optional<HandleResult> failure_;
};

/// One range.
class RangeReceiver : public DataReceiver {
public:
    RangeReceiver(const ReceptionParts& parts, data::ChunkUpload::Target target, ContentRange range)
        : parts_(parts), range_(range), peer_(target.peer),
          upload_(parts.context, parts.operations, parts.digests, std::move(target), range) {}

    HandleResult start() override {
        if (parts_.largest_object > 0 && range_.total > parts_.largest_object) {
            return {Verdict::Invalid, {}, "Data is larger than MaxObjectDataSize"};
        }
        if (range_.total > kLargestData) return {Verdict::Invalid, {}, "Data is larger than can be stored"};
        bool is_known = false;
        try {
            parts_.operations.store().read([&](ReadTransaction& txn) { is_known = txn.destination(peer_).has_value(); });
            if (!is_known) return {Verdict::UnknownPeer, {}, "The node is not registered"};
            upload_.start();
            return {};
        } catch (...) {
            return verdict_of(std::current_exception());
        }
    }

    bool write(std::span<const std::byte> octets) override {
        try {
            upload_.write(octets);
            return true;
        } catch (...) {
            failure_ = verdict_of(std::current_exception());
            return false;
        }
    }

    void finish(std::function<void(HandleResult)> done) override {
        if (failure_) return done(*failure_);
        HandleResult result;
        try {
            upload_.finish();
        } catch (...) {
            result = verdict_of(std::current_exception());
        }
        done(std::move(result));
    }

    void abort() noexcept override {}

private:
    const ReceptionParts parts_;
    const ContentRange range_;
    const NodeKey peer_;
    data::ChunkUpload upload_;
    std::optional<HandleResult> failure_;
};

}  // namespace

std::unique_ptr<DataReceiver> make_data_receiver(const ReceptionParts& parts, const NodeKey& peer, const DataRequest& range,
                                                 std::int64_t body_length, const std::string& repr_sha256,
                                                 const std::string& content_sha256) {
    // Traditional nodes pad their last chunk, so the length says nothing about the data of a range.
    if (range.length == 0) return std::make_unique<WholeReceiver>(parts, peer, range, body_length, repr_sha256);
    data::ChunkUpload::Target target;
    target.kind = data::UploadKind::Node;
    target.key = range.key;
    target.peer = peer;
    target.instance_id = range.instance_id;
    target.repr_sha256 = repr_sha256;
    target.content_sha256 = content_sha256;
    target.files = parts.files;
    target.check_signature = [](const Metadata& meta, BlobWriter& blob) {
        using Signature = objects::PublishRequest::Signature;
        return signature_problem(meta, blob).empty() ? Signature::Valid : Signature::Invalid;
    };
    return std::make_unique<RangeReceiver>(parts, std::move(target), ContentRange{range.offset, range.offset + range.length, range.total});
}

}  // namespace edgesync::node
