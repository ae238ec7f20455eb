#include "blobs.h"

#include <sys/random.h>

#include <algorithm>
#include <chrono>
#include <cstring>

#include "chunks.h"
#include "key.h"
#include "sql_text.h"

namespace edgesync::postgres {

void OpenReaders::add(const BlobId& id) {
    const std::lock_guard lock(mutex_);
    ++counts_[id];
}

void OpenReaders::remove(const BlobId& id) {
    const std::lock_guard lock(mutex_);
    if (--counts_[id] == 0) counts_.erase(id);
}

std::vector<BlobId> OpenReaders::all() const {
    const std::lock_guard lock(mutex_);
    std::vector<BlobId> ids;
    for (const auto& [id, count] : counts_) ids.push_back(id);
    return ids;
}

std::size_t SmallReader::read(std::int64_t offset, std::span<std::byte> out) {
    if (offset < 0 || offset >= size()) return 0;
    const std::size_t count = std::min(out.size(), static_cast<std::size_t>(size() - offset));
    if (count > 0) std::memcpy(out.data(), octets_.data() + offset, count);
    return count;
}

std::int64_t extent_in(const Rows& rows) {
    return rows.empty() ? 0 : rows[0][0].as<std::int64_t>() * kChunk + rows[0][1].as<std::int64_t>();
}

BlobId Blobs::new_id() {
    BlobId id;
    // The time first, so that new rows go to the end of their indexes; then chance, so that no id repeats.
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    auto time = static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
    for (std::size_t i = 8; i > 0; --i, time >>= 8U) id.bytes[i - 1] = static_cast<std::uint8_t>(time);
    if (::getrandom(id.bytes.data() + 8, 8, 0) != 8) throw Error(ErrorKind::Io, "The system has no random numbers");
    return id;
}

std::unique_ptr<BlobWriter> Blobs::create(const BlobId& id) {
    pool_->take()->run(Call("new_octets").octets(blob_key(id)).number(owner_).str());
    return std::make_unique<ChunkWriter>(pool_, id, 0);
}

std::unique_ptr<BlobWriter> Blobs::reopen(const BlobId& id) {
    auto connection = pool_->take();
    if (connection->run(Call("has_octets").octets(blob_key(id)).str()).empty()) return nullptr;
    return std::make_unique<ChunkWriter>(pool_, id, extent_in(connection->run(Call("extent").octets(blob_key(id)).str())));
}

void Blobs::discard(const BlobId& id) noexcept {
    try {
        pool_->take()->run(Call("discard_octets").octets(blob_key(id)).str());
    } catch (const std::exception&) {
        // Then it is an orphan, which is swept after this run of the service.
    }
}

std::unique_ptr<BlobReader> Blobs::open(const BlobId& id, std::int64_t size) {
    return std::make_unique<ChunkReader>(pool_, readers_, id, size);
}

void Blobs::sweep(std::chrono::seconds grace) {
    ArrayText read;
    for (const BlobId& id : readers_->all()) read.octets(blob_key(id));
    const std::string call = Call("sweep").number(grace.count()).array(read).str();
    constexpr int kMostBatches = 100;
    for (int i = 0; i < kMostBatches && !pool_->take()->run(call).empty(); ++i) {
    }
}

}  // namespace edgesync::postgres
