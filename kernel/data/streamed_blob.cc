#include "kernel/data/streamed_blob.h"

#include <algorithm>
#include <cstring>

#include "edgesync/sdk/error.h"

namespace edgesync::data {

StreamedBlob::StreamedBlob(Store& store, std::int64_t limit, std::int64_t announced)
    : store_(store), limit_(limit), announced_(announced), inline_limit_(store.traits().inline_limit), id_(store.blobs().new_id()) {}

StreamedBlob::~StreamedBlob() {
    if (writer_ && !is_kept_) {
        writer_.reset();
        store_.blobs().discard(id_);
    }
}

void StreamedBlob::write(std::span<const std::byte> octets) {
    const auto count = static_cast<std::int64_t>(octets.size());
    if (limit_ > 0 && size_ + count > limit_) {
        throw Error(ErrorKind::InvalidRequest, "Data is larger than the limit of " + std::to_string(limit_) + " bytes");
    }
    hash_.update(octets);
    if (!writer_ && size_ + count > inline_limit_) {
        writer_ = store_.blobs().create_sized(id_, announced_);
        if (!octets_.empty()) writer_->write(0, std::as_bytes(std::span(octets_)));
        octets_.clear();
        octets_.shrink_to_fit();
    }
    if (writer_) {
        writer_->write(size_, octets);
    } else {
        octets_.append(reinterpret_cast<const char*>(octets.data()), octets.size());
    }
    size_ += count;
}

void StreamedBlob::finish() {
    if (writer_) writer_->sync();
    sha256_ = hash_.finish();
}

std::size_t StreamedBlob::read(std::int64_t offset, std::span<std::byte> out) const {
    if (writer_) return writer_->read(offset, out);
    if (offset < 0 || offset >= size_) return 0;
    const std::size_t count = std::min(out.size(), static_cast<std::size_t>(size_ - offset));
    std::memcpy(out.data(), octets_.data() + offset, count);
    return count;
}

}  // namespace edgesync::data
