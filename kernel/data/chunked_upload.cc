#include "kernel/data/chunked_upload.h"

#include <algorithm>

#include "edgesync/sdk/error.h"
#include "kernel/data/ranges.h"
#include "kernel/data/received_files.h"
#include "kernel/data/verification.h"
#include "kernel/delivery/inbound.h"

namespace edgesync::data {
namespace {

constexpr std::size_t kMaxDigests = 64;

}  // namespace

std::shared_ptr<BlobDigest> UploadDigests::of(const BlobId& id) {
    const std::lock_guard lock(mutex_);
    auto& digest = digests_[id];
    if (!digest) digest = std::make_shared<BlobDigest>();
    auto result = digest;
    // A forgotten digest only costs reading the data back, but two requests with a digest each would not know of each other's octets.
    const auto is_unused = [](const auto& item) { return item.second.use_count() == 1; };
    const auto unused = digests_.size() > kMaxDigests ? std::find_if(digests_.begin(), digests_.end(), is_unused) : digests_.end();
    if (unused != digests_.end()) digests_.erase(unused);
    return result;
}

void UploadDigests::forget(const BlobId& id) {
    const std::lock_guard lock(mutex_);
    digests_.erase(id);
}

std::shared_ptr<UploadGate> UploadDigests::gate_of(const BlobId& id) {
    const std::lock_guard lock(mutex_);
    std::erase_if(gates_, [](const auto& item) { return item.second.expired(); });
    auto gate = gates_[id].lock();
    if (!gate) gates_[id] = gate = std::make_shared<UploadGate>();
    return gate;
}

ChunkUpload::ChunkUpload(const rules::NodeContext& context, rules::Operations& operations, UploadDigests& digests, Target target,
                         ContentRange range)
    : context_(context), operations_(operations), digests_(digests), target_(std::move(target)), range_(range) {
    if (!target_.content_sha256.empty()) content_hash_.emplace();
}

ChunkUpload::~ChunkUpload() = default;

void ChunkUpload::check_object(const std::optional<ObjectRecord>& object) const {
    if (target_.kind == UploadKind::Application) return objects::check_accepts_data(object);
    if (!object) throw Error(ErrorKind::InvalidRequest, "The object is not known");
    if (object->side != Side::Receiver || object->meta.instance_id != target_.instance_id ||
        object->status != ObjectStatus::PartiallyReceived) {
        throw Error(ErrorKind::Conflict, "This version is not awaited");
    }
    if (object->meta.object_size > 0 && object->meta.object_size != range_.total) {
        throw Error(ErrorKind::InvalidRequest, "The range's total differs from the object's size");
    }
}

std::optional<BlobId> ChunkUpload::staged_blob(ReadTransaction& txn) const {
    const auto object = txn.object(target_.key);
    check_object(object);
    if (!object->staged) return std::nullopt;
    const auto staged = txn.blob(*object->staged);
    if (!staged) return std::nullopt;
    if (staged->total == range_.total) return object->staged;
    if (target_.kind == UploadKind::Application && range_.begin == 0) return std::nullopt;  // The upload starts anew.
    throw Error(ErrorKind::InvalidRequest, "The range's total differs from the upload's");
}

BlobId ChunkUpload::begin(WriteTransaction& txn) {
    if (const auto staged = staged_blob(txn)) return *staged;
    auto object = txn.object(target_.key);
    if (object->staged) txn.erase_blob(*object->staged);
    // The upload that waited for its verification is given up for this one.
    if (object->status == ObjectStatus::Verifying) object->status = object->data ? ObjectStatus::Ready : ObjectStatus::NotReady;
    BlobRecord record;
    record.id = blob_;
    record.owner = target_.key;
    record.total = range_.total;
    record.instance_id = object->meta.instance_id;
    record.upload_chunk_size = range_.end - range_.begin;
    record.created = context_.now();
    txn.put_blob(record);
    object->staged = blob_;
    if (target_.kind == UploadKind::Application) object->meta.upload_chunk_size = record.upload_chunk_size;
    txn.put_object(*object);
    return blob_;
}

void ChunkUpload::start() {
    Store& store = operations_.store();
    std::optional<BlobId> staged;
    store.read([&](ReadTransaction& txn) { staged = staged_blob(txn); });
    if (!staged) {
        // The file exists before the record that names it; without the record it is an orphan that the next start removes.
        const BlobId fresh = store.blobs().new_id();
        blob_ = fresh;
        writer_ = store.blobs().create_sized(fresh, range_.total);
        try {
            staged = operations_.run_and_wait<BlobId>([this](WriteTransaction& txn, rules::Effects&) { return begin(txn); });
        } catch (...) {
            writer_.reset();
            store.blobs().discard(fresh);
            throw;
        }
        if (*staged != fresh) {
            writer_.reset();
            store.blobs().discard(fresh);
        }
    }
    blob_ = *staged;
    if (!writer_) writer_ = store.blobs().reopen(blob_);
    if (!writer_) throw Error(ErrorKind::Conflict, "The upload was replaced by another one");
    digest_ = digests_.of(blob_);
    gate_ = digests_.gate_of(blob_);
    // Looked at with the gate in hand: whoever completes the upload from now on shares the gate and seals it; whoever did before, also
    // before a restart, has left it in the record.
    bool is_complete = false;
    store.read([&](ReadTransaction& txn) {
        const auto object = txn.object(target_.key);
        is_complete = !object || object->staged != blob_ || object->status == ObjectStatus::Verifying;
        if (target_.kind != UploadKind::Application || range_.begin != 0) return;
        if (const auto blob = txn.blob(blob_)) held_ = blob->received;
    });
    if (is_complete) gate_->seal();
}

void ChunkUpload::write(std::span<const std::byte> octets) {
    const std::int64_t length = range_.end - range_.begin;
    if (written_ + static_cast<std::int64_t>(octets.size()) > length) {
        if (target_.kind == UploadKind::Application) throw Error(ErrorKind::InvalidRequest, "The body is longer than its Content-Range");
        octets = octets.first(static_cast<std::size_t>(length - written_));  // Traditional nodes pad their last chunk.
    }
    if (octets.empty()) return;
    put(range_.begin + written_, octets);
    if (content_hash_) content_hash_->update(octets);
    written_ += static_cast<std::int64_t>(octets.size());
}

void ChunkUpload::put(std::int64_t offset, std::span<const std::byte> octets) {
    if (write_if_open(offset, octets)) return;
    if (!is_in_blob(offset, octets)) refuse_late();
    is_repetition_ = true;
}

bool ChunkUpload::write_if_open(std::int64_t offset, std::span<const std::byte> octets) {
    if (!gate_->enter()) return false;
    const std::unique_ptr<UploadGate, void (*)(UploadGate*)> inside(gate_.get(), [](UploadGate* gate) { gate->leave(); });
    is_other_upload_ = is_other_upload_ || differs_from_held(offset, octets);
    try {
        writer_->write(offset, octets);
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::Conflict) throw;
        return false;
    }
    digest_->written(offset, octets);
    return true;
}

void ChunkUpload::refuse_late() const {
    throw Error(target_.kind == UploadKind::Application ? ErrorKind::Busy : ErrorKind::Conflict,
                "The upload is complete and is being verified");
}

// Octets may have waited in memory while another process completed the upload; then it is unknown whether they are the same.
void ChunkUpload::sync() {
    try {
        writer_->sync();
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::Conflict) throw;
        refuse_late();
    }
}

std::string ChunkUpload::seal() {
    gate_->seal();  // What is judged and published must be what stays.
    sync();         // Of what another request wrote meanwhile.
    const bool is_all_ours = operations_.store().blobs().seal(blob_);
    std::string sha256 = is_all_ours ? digest_->finish(*writer_, range_.total) : BlobDigest().finish(*writer_, range_.total);
    digests_.forget(blob_);
    return sha256;
}

bool ChunkUpload::is_in_blob(std::int64_t offset, std::span<const std::byte> octets) const {
    std::vector<std::byte> before(octets.size());
    return writer_->read(offset, before) == octets.size() && std::equal(before.begin(), before.end(), octets.begin());
}

bool ChunkUpload::differs_from_held(std::int64_t offset, std::span<const std::byte> octets) const {
    if (held_.empty() || held_.front().begin > offset || held_.front().end <= offset) return false;
    const auto count = std::min<std::size_t>(octets.size(), static_cast<std::size_t>(held_.front().end - offset));
    std::vector<std::byte> before(count);
    return writer_->read(offset, before) != count || !std::equal(before.begin(), before.end(), octets.begin());
}

ChunkUpload::Recorded ChunkUpload::record(WriteTransaction& txn) {
    const auto object = txn.object(target_.key);  // First, as everywhere: stores that lock what is read would lock in a circle.
    auto blob = txn.blob(blob_);
    if (blob && object && blob->state == BlobState::Published && object->data == blob_) return Recorded::Incomplete;  // A repetition.
    if (!blob || !object || object->staged != blob_) return Recorded::Replaced;
    if (is_other_upload_) remove_ranges(blob->received, held_);
    add_range(blob->received, {range_.begin, range_.end});
    blob->created = context_.now();  // An upload that goes on is not abandoned, however long it takes.
    txn.put_blob(*blob);
    return covers(blob->received, blob->total) ? Recorded::Complete : Recorded::Incomplete;
}

void ChunkUpload::drop_staged(WriteTransaction& txn) {
    auto object = txn.object(target_.key);
    // What is being judged is judged; the digest of one request has no say in it.
    if (!object || object->staged != blob_ || object->status == ObjectStatus::Verifying || is_repetition_) return;
    object->staged.reset();
    txn.put_object(*object);
    txn.erase_blob(blob_);
}

objects::PublishRequest::Signature ChunkUpload::judge() {
    using Signature = objects::PublishRequest::Signature;
    if (!target_.check_signature) return Signature::None;
    std::optional<ObjectRecord> object;
    operations_.store().read([&](ReadTransaction& txn) { object = txn.object(target_.key); });
    if (!object) return Signature::None;
    judged_ = std::move(object->meta);
    return target_.check_signature(judged_, *writer_);
}

bool ChunkUpload::complete(WriteTransaction& txn, const std::string& sha256, objects::PublishRequest::Signature signature,
                           rules::Effects& effects) {
    const auto object = txn.object(target_.key);
    if (!object || object->staged != blob_) return false;  // Another request completed or replaced it.
    if (target_.check_signature && (object->meta.signature != judged_.signature || object->meta.public_key != judged_.public_key ||
                                    object->meta.hash_algorithm != judged_.hash_algorithm)) {
        throw Error(ErrorKind::Conflict, "The object's signature changed while its data was uploaded");
    }
    if (target_.kind == UploadKind::Node) {
        if (signature == objects::PublishRequest::Signature::Invalid) {
            is_forged_ = delivery::fail_reception(context_, txn, target_.key, target_.instance_id, {3, "signature", true}, effects);
            return false;
        }
        delivery::ReceivedData received;
        received.blob = blob_;
        received.is_staged = true;
        received.size = range_.total;
        received.sha256 = sha256;
        received.is_in_file = is_in_file_;
        return delivery::complete_data(context_, txn, target_.key, target_.instance_id, received, effects);
    }
    if (target_.is_judged_later && target_.is_judged_later(object->meta)) return begin_verification(txn, *object, sha256, effects), false;
    objects::NewData data;
    data.is_given = true;
    data.is_staged = true;
    data.blob = blob_;
    data.size = range_.total;
    data.sha256 = sha256;
    objects::store_data(context_, txn, target_.key, data, objects::PublishRequest::Signature::None, effects);
    return true;
}

bool ChunkUpload::finish() {
    if (written_ != range_.end - range_.begin) throw Error(ErrorKind::InvalidRequest, "The body is shorter than its Content-Range");
    if (content_hash_ && content_hash_->finish() != target_.content_sha256) {
        throw Error(ErrorKind::InvalidRequest, "The data does not match its Content-Digest");
    }
    sync();
    const auto recorded = operations_.run_and_wait<Recorded>([this](WriteTransaction& txn, rules::Effects&) { return record(txn); });
    if (recorded == Recorded::Replaced) throw Error(ErrorKind::Conflict, "The upload was replaced by another one");
    if (recorded == Recorded::Incomplete) return false;
    const std::string sha256 = seal();
    if (!target_.repr_sha256.empty() && sha256 != target_.repr_sha256) {
        operations_.run_and_wait<rules::Done>([this](WriteTransaction& txn, rules::Effects&) { return drop_staged(txn), rules::Done{}; });
        throw Error(ErrorKind::InvalidRequest,
                    "The data has SHA-256 " + to_hex(sha256) + " but " + to_hex(target_.repr_sha256) + " was announced");
    }
    const auto signature = judge();
    ReceivedFiles::Placed placed;
    if (target_.files != nullptr && signature != objects::PublishRequest::Signature::Invalid) {
        const auto read = [this](std::int64_t offset, std::span<std::byte> out) { return writer_->read(offset, out); };
        placed = target_.files->place(target_.key, target_.instance_id, range_.total, read);
    }
    is_in_file_ = placed.is_in_file;
    const bool has_completed = operations_.run_and_wait<bool>(
        [&](WriteTransaction& txn, rules::Effects& effects) { return complete(txn, sha256, signature, effects); });
    if (is_forged_) throw Error(ErrorKind::Corrupt, "Failed to verify data with public key and data signature");
    return has_completed;
}

}  // namespace edgesync::data
