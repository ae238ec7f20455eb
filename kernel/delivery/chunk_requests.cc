#include "kernel/delivery/chunk_requests.h"

#include <algorithm>

namespace edgesync::delivery {
namespace {

bool is_awaited(const ObjectRecord& object) { return object.side == Side::Receiver && object.status == ObjectStatus::PartiallyReceived; }

/// An object without a usable chunk size comes in one piece.
std::int64_t chunk_size_of(const ObjectRecord& object) {
    return object.meta.chunk_size > 0 ? object.meta.chunk_size : std::max<std::int64_t>(object.meta.object_size, 1);
}

Message request_at(const ObjectRecord& object, std::int64_t offset) {
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
    request.meta.chunk_size = object.meta.chunk_size;
    request.offset = offset;
    return request;
}

/// Ranges that are there already; empty if the staged octets are of another version.
std::vector<ByteRange> received_of(ReadTransaction& txn, const ObjectRecord& object) {
    if (!object.staged) return {};
    const auto blob = txn.blob(*object.staged);
    return blob && blob->instance_id == object.meta.instance_id ? blob->received : std::vector<ByteRange>{};
}

bool has_all_of(const std::vector<ByteRange>& received, std::int64_t begin, std::int64_t end) {
    return std::any_of(received.begin(), received.end(), [&](const ByteRange& range) { return range.begin <= begin && range.end >= end; });
}

}  // namespace

std::vector<Message> first_chunk_requests(const rules::NodeContext& context, ReadTransaction& txn, const ObjectRecord& object) {
    std::vector<Message> requests;
    if (!is_awaited(object)) return requests;
    const std::int64_t size = object.meta.object_size;
    const std::int64_t chunk = chunk_size_of(object);
    if (size <= 0) return {request_at(object, 0)};
    const auto received = received_of(txn, object);
    // One of each lane, so that no two lanes become one.
    const std::int64_t lanes = std::min<std::int64_t>(context.chunks_in_flight, (size - 1) / chunk + 1);
    for (std::int64_t lane = 0; lane < lanes; ++lane) {
        std::int64_t offset = lane * chunk;
        while (offset < size && has_all_of(received, offset, std::min(offset + chunk, size))) offset += lanes * chunk;
        if (offset < size) requests.push_back(request_at(object, offset));
    }
    return requests;
}

std::optional<Message> next_chunk_request(const rules::NodeContext& context, ReadTransaction& txn, const ObjectRecord& object,
                                          std::int64_t offset) {
    if (!is_awaited(object)) return std::nullopt;
    const std::int64_t size = object.meta.object_size;
    const std::int64_t chunk = chunk_size_of(object);
    const std::int64_t lanes = std::min<std::int64_t>(context.chunks_in_flight, (std::max<std::int64_t>(size, 1) - 1) / chunk + 1);
    const auto received = received_of(txn, object);
    for (std::int64_t next = offset + lanes * chunk; next < size; next += lanes * chunk) {
        if (!has_all_of(received, next, std::min(next + chunk, size))) return request_at(object, next);
    }
    return std::nullopt;
}

}  // namespace edgesync::delivery
