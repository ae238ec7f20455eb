// Data that arrives in ranges, in any order, over several requests: an application's chunked upload, or a node's push
// (rest-api 3.6, node protocol 9.2). Every acknowledged range is durable and recorded, so that a restart loses none.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "edgesync/sdk/http.h"
#include "edgesync/sdk/store.h"
#include "kernel/data/digest.h"
#include "kernel/data/upload_gate.h"
#include "kernel/objects/lifecycle.h"
#include "kernel/rules/node_context.h"
#include "kernel/rules/operation.h"

namespace edgesync::data {

/// What requests that write the same blob share: its digest, so that data arriving in order is not read twice, and its gate. Bounded;
/// thread-safe.
class UploadDigests {
public:
    std::shared_ptr<BlobDigest> of(const BlobId& id);
    void forget(const BlobId& id);
    /// The one gate of the blob as long as a request holds it.
    std::shared_ptr<UploadGate> gate_of(const BlobId& id);

private:
    std::mutex mutex_;
    std::map<BlobId, std::weak_ptr<UploadGate>> gates_;
    std::map<BlobId, std::shared_ptr<BlobDigest>> digests_;
};

/// What completes when all ranges are there.
enum class UploadKind { Application, Node };

class ReceivedFiles;

/// Takes one range. One use; calls come one after another on threads that may block.
class ChunkUpload {
public:
    struct Target {
        UploadKind kind = UploadKind::Application;
        ObjectKey key;
        NodeKey peer;                ///< Node: the authenticated origin.
        InstanceId instance_id = 0;  ///< Node: the version that is pushed.
        std::string repr_sha256;     ///< Announced digest of the whole, or empty.
        std::string content_sha256;  ///< Announced digest of this range, or empty.
        /// Node: judges the complete data by the object's metadata before it is published. Reads the blob; may block.
        std::function<objects::PublishRequest::Signature(const Metadata&, BlobWriter&)> check_signature;
        ReceivedFiles* files = nullptr;  ///< Node: for data whose object wants it in a file; null: all stays in the store.
        /// Application: whether the complete data must wait for such a judgement (verification.h).
        std::function<bool(const Metadata&)> is_judged_later;
    };

    ChunkUpload(const rules::NodeContext& context, rules::Operations& operations, UploadDigests& digests, Target target,
                ContentRange range);
    ~ChunkUpload();

    /// Finds or opens the staged blob. @throws Error{NotFound}, Error{InvalidRequest}; Error{Conflict} another version is awaited.
    void start();
    /// @throws Error{Busy, Conflict} for other octets than those of an upload that is complete and being judged
    void write(std::span<const std::byte> octets);
    /// Makes the range durable; completes the object, or lets it wait for its verification, when it was the last one. True if it completed.
    /// Octets beyond the range are ignored when they come from a node. @throws Error{InvalidRequest} short body or digest mismatch.
    bool finish();

private:
    /// The blob that takes this range; nullopt: one must be opened. @throws as `start`
    std::optional<BlobId> staged_blob(ReadTransaction& txn) const;
    BlobId begin(WriteTransaction& txn);
    enum class Recorded { Replaced, Incomplete, Complete };
    Recorded record(WriteTransaction& txn);
    bool differs_from_held(std::int64_t offset, std::span<const std::byte> octets) const;
    bool is_in_blob(std::int64_t offset, std::span<const std::byte> octets) const;
    void put(std::int64_t offset, std::span<const std::byte> octets);
    objects::PublishRequest::Signature judge();
    bool complete(WriteTransaction& txn, const std::string& sha256, objects::PublishRequest::Signature signature, rules::Effects& effects);
    void check_object(const std::optional<ObjectRecord>& object) const;
    void drop_staged(WriteTransaction& txn);

    const rules::NodeContext& context_;
    rules::Operations& operations_;
    UploadDigests& digests_;
    const Target target_;
    const ContentRange range_;
    BlobId blob_;
    std::unique_ptr<BlobWriter> writer_;
    std::shared_ptr<BlobDigest> digest_;
    std::shared_ptr<UploadGate> gate_;
    std::optional<Sha256> content_hash_;
    std::int64_t written_ = 0;
    /// What earlier requests left. If an application begins again with other octets, it uploads something else, and none of this counts.
    std::vector<ByteRange> held_;
    bool is_other_upload_ = false;
    bool is_repetition_ = false;  ///< Of octets of an upload that another request completed.
    bool is_in_file_ = false;     ///< Node: the complete data is in its object's file.
    bool is_forged_ = false;      ///< Node: the data is not what its publisher signed.
    Metadata judged_;             ///< Whose signature was checked.
};

}  // namespace edgesync::data
