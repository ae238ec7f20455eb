#include "kernel/delivery/chunk_requests.h"

#include <algorithm>
#include <cstdint>

namespace edgesync::delivery {
namespace {

bool is_awaited(const ObjectRecord& object) { return object.side == Side::Receiver && object.status == ObjectStatus::PartiallyReceived; }

/// An object without a usable chunk size comes in one piece.
std::int64_t chunk_size_of(const ObjectRecord& object) {
    return object.meta.chunk_size > 0 ? object.meta.chunk_size : std::max<std::int64_t>(object.meta.object_size, 1);
}

/// For [offset, end), which is a chunk or its rest.
Message request_for(const ObjectRecord& object, std::int64_t offset, std::int64_t end) {
    Message request;
    request.command = Command::GetData;
    request.meta.org = object.meta.org;
    request.meta.object_type = object.meta.object_type;
    request.meta.object_id = object.meta.object_id;
    request.meta.destination_type = object.meta.destination_type;
    request.meta.destination_id = object.meta.destination_id;
    request.meta.origin_type = object.meta.origin_type;
    request.meta.origin_id = object.meta.origin_id;
    request.meta.instance_id = object.meta.instance_id;
    request.meta.data_id = object.meta.data_id;
    request.meta.object_size = object.meta.object_size;
    // The sender gives as much as this says, so that the answer does not reach into another lane.
    request.meta.chunk_size =
        end > offset ? static_cast<std::int32_t>(std::min<std::int64_t>(end - offset, INT32_MAX)) : object.meta.chunk_size;
    request.offset = offset;
    return request;
}

/// Ranges that are there already; empty if the staged octets are of another version.
std::vector<ByteRange> received_of(ReadTransaction& txn, const ObjectRecord& object) {
    if (!object.staged) return {};
    const auto blob = txn.blob(*object.staged);
    return blob && blob->instance_id == object.meta.instance_id ? blob->received : std::vector<ByteRange>{};
}

/// The lanes of an object, by what of it is there.
class Lanes {
public:
    Lanes(const rules::NodeContext& context, ReadTransaction& txn, const ObjectRecord& object)
        : object_(object), size_(object.meta.object_size), chunk_(chunk_size_of(object)),
          count_(std::min<std::int64_t>(context.chunks_in_flight, (std::max<std::int64_t>(size_, 1) - 1) / chunk_ + 1)),
          received_(received_of(txn, object)) {}

    std::int64_t count() const { return count_; }
    std::int64_t chunk() const { return chunk_; }
    /// The first request from the chunk that begins at `offset` on.
    std::optional<Message> request_from(std::int64_t offset) const {
        for (; offset < size_; offset += count_ * chunk_) {
            const std::int64_t end = std::min(offset + chunk_, size_);
            const std::int64_t lacks = first_missing(offset);
            if (lacks < end) return request_for(object_, lacks, end);
        }
        return std::nullopt;
    }

private:
    std::int64_t first_missing(std::int64_t offset) const {
        for (const ByteRange& range : received_) {
            if (range.begin <= offset && range.end > offset) return range.end;
        }
        return offset;
    }

    const ObjectRecord& object_;
    const std::int64_t size_;
    const std::int64_t chunk_;
    const std::int64_t count_;
    const std::vector<ByteRange> received_;
};

}  // namespace

std::vector<Message> first_chunk_requests(const rules::NodeContext& context, ReadTransaction& txn, const ObjectRecord& object) {
    std::vector<Message> requests;
    if (!is_awaited(object)) return requests;
    if (object.meta.object_size <= 0) return {request_for(object, 0, 0)};
    // One of each lane, so that no two lanes become one.
    const Lanes lanes(context, txn, object);
    for (std::int64_t lane = 0; lane < lanes.count(); ++lane) {
        if (auto request = lanes.request_from(lane * lanes.chunk())) requests.push_back(std::move(*request));
    }
    return requests;
}

std::optional<Message> next_chunk_request(const rules::NodeContext& context, ReadTransaction& txn, const ObjectRecord& object,
                                          std::int64_t offset) {
    if (!is_awaited(object)) return std::nullopt;
    const Lanes lanes(context, txn, object);
    return lanes.request_from(offset / lanes.chunk() * lanes.chunk());
}

}  // namespace edgesync::delivery
