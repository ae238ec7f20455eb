#include "kernel/packet_line/chunk_buffer.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace edgesync::packet_line {
namespace {

constexpr std::size_t kPage = 4096;
/// What is smaller comes from the heap as fast.
constexpr std::size_t kWorthKeeping = 128 * 1024;

}  // namespace

ChunkBuffer::ChunkBuffer(std::size_t size) : size_((size + kPage - 1) / kPage * kPage) {
    if (size_ == 0) return;
    octets_.reset(static_cast<std::byte*>(std::aligned_alloc(kPage, size_)));
    if (!octets_) throw std::bad_alloc();
}

void ChunkBuffer::grow(std::size_t size) {
    if (size <= size_) return;
    ChunkBuffer larger(size);
    if (size_ > 0) std::memcpy(larger.data(), data(), size_);
    *this = std::move(larger);
}

ChunkBuffers::User::User(ChunkBuffers& buffers) : buffers_(buffers) {
    const std::lock_guard lock(buffers_.mutex_);
    ++buffers_.users_;
}

ChunkBuffers::User::~User() {
    std::vector<ChunkBuffer> unused;  // Destroyed after the lock.
    const std::lock_guard lock(buffers_.mutex_);
    if (--buffers_.users_ == 0) unused.swap(buffers_.spare_);
}

ChunkBuffer ChunkBuffers::take(std::size_t size) {
    {
        const std::lock_guard lock(mutex_);
        const auto found = std::find_if(spare_.begin(), spare_.end(), [&](const ChunkBuffer& buffer) { return buffer.size() >= size; });
        if (size >= kWorthKeeping && found != spare_.end()) {
            ChunkBuffer buffer = std::move(*found);
            spare_.erase(found);
            return buffer;
        }
    }
    return ChunkBuffer(size);
}

void ChunkBuffers::give_back(ChunkBuffer buffer) {
    const std::lock_guard lock(mutex_);
    if (buffer.size() >= kWorthKeeping && spare_.size() < users_) spare_.push_back(std::move(buffer));
}

}  // namespace edgesync::packet_line
