#include "blob_content.h"

#include <algorithm>
#include <cstring>
#include <mutex>

namespace edgesync::memory {
namespace {

constexpr std::int64_t kPageBytes = 64 * 1024;

}  // namespace

BlobContent::BlobContent(std::shared_ptr<MemoryBudget> budget) : budget_(std::move(budget)) {}

BlobContent::~BlobContent() { budget_->give_back(taken_); }

std::int64_t BlobContent::growth(std::int64_t begin, std::int64_t end) const {
    std::int64_t bytes = 0;
    for (std::int64_t page = begin / kPageBytes; page * kPageBytes < end; ++page) {
        const auto found = pages_.find(page);
        const std::int64_t have = found == pages_.end() ? 0 : static_cast<std::int64_t>(found->second.size());
        bytes += std::max<std::int64_t>(0, std::min(end - page * kPageBytes, kPageBytes) - have);
    }
    return bytes;
}

void BlobContent::write(std::int64_t offset, std::span<const std::byte> octets) {
    const auto length = static_cast<std::int64_t>(octets.size());
    if (offset < 0 || offset > INT64_MAX - length) {
        throw Error(ErrorKind::InvalidRequest, "a blob cannot be written at offset " + std::to_string(offset));
    }
    const std::lock_guard lock(mutex_);
    const std::int64_t end = offset + length;
    const std::int64_t bytes = growth(offset, end);
    budget_->take(bytes);
    taken_ += bytes;
    for (std::int64_t at = offset; at < end;) {
        const std::int64_t in_page = at % kPageBytes;
        const std::int64_t count = std::min(kPageBytes - in_page, end - at);
        Page& page = pages_[at / kPageBytes];
        if (static_cast<std::int64_t>(page.size()) < in_page + count) page.resize(static_cast<std::size_t>(in_page + count));
        std::memcpy(page.data() + in_page, octets.data() + (at - offset), static_cast<std::size_t>(count));
        at += count;
    }
    if (length > 0) extent_ = std::max(extent_, end);
}

std::size_t BlobContent::read(std::int64_t offset, std::span<std::byte> out, std::int64_t end) const {
    if (offset < 0 || offset >= end) return 0;
    const std::int64_t count = std::min(end - offset, static_cast<std::int64_t>(out.size()));
    std::fill_n(out.begin(), count, std::byte{0});
    const std::shared_lock lock(mutex_);
    for (auto it = pages_.lower_bound(offset / kPageBytes); it != pages_.end(); ++it) {
        const std::int64_t page_begin = it->first * kPageBytes;
        const std::int64_t from = std::max(page_begin, offset);
        const std::int64_t to = std::min(page_begin + static_cast<std::int64_t>(it->second.size()), offset + count);
        if (page_begin >= offset + count) break;
        if (from < to)
            std::memcpy(out.data() + (from - offset), it->second.data() + (from - page_begin), static_cast<std::size_t>(to - from));
    }
    return static_cast<std::size_t>(count);
}

std::int64_t BlobContent::extent() const {
    const std::shared_lock lock(mutex_);
    return extent_;
}

}  // namespace edgesync::memory
