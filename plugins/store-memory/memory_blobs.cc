#include "memory_blobs.h"

#include <sys/random.h>

#include <vector>

namespace edgesync::memory {
namespace {

class Writer : public BlobWriter {
public:
    explicit Writer(std::shared_ptr<BlobContent> content) : content_(std::move(content)) {}
    void write(std::int64_t offset, std::span<const std::byte> octets) override { content_->write(offset, octets); }
    void sync() override {}
    std::size_t read(std::int64_t offset, std::span<std::byte> out) override { return content_->read(offset, out, content_->extent()); }

private:
    std::shared_ptr<BlobContent> content_;
};

class Reader : public BlobReader {
public:
    Reader(std::shared_ptr<BlobContent> content, std::int64_t size) : content_(std::move(content)), size_(size) {}
    std::int64_t size() const override { return size_; }
    std::size_t read(std::int64_t offset, std::span<std::byte> out) override { return content_->read(offset, out, size_); }

private:
    std::shared_ptr<BlobContent> content_;
    std::int64_t size_;
};

}  // namespace

std::unique_ptr<BlobReader> make_reader(std::shared_ptr<BlobContent> content, std::int64_t size) {
    return std::make_unique<Reader>(std::move(content), size);
}

MemoryBlobs::MemoryBlobs(std::shared_ptr<MemoryBudget> budget) : budget_(std::move(budget)) {}

BlobId MemoryBlobs::new_id() {
    BlobId id;
    if (::getrandom(id.bytes.data(), id.bytes.size(), 0) != static_cast<ssize_t>(id.bytes.size())) {
        throw Error(ErrorKind::Io, "the system gives no random octets");
    }
    return id;
}

std::unique_ptr<BlobWriter> MemoryBlobs::create(const BlobId& id) {
    auto content = new_content();
    const std::lock_guard lock(mutex_);
    if (!staged_.emplace(id, content).second) throw Error(ErrorKind::AlreadyExists, "the blob was created before");
    return std::make_unique<Writer>(std::move(content));
}

std::unique_ptr<BlobWriter> MemoryBlobs::reopen(const BlobId& id) {
    auto found = content(id);
    return found ? std::make_unique<Writer>(std::move(found)) : nullptr;
}

void MemoryBlobs::discard(const BlobId& id) noexcept {
    std::shared_ptr<BlobContent> dropped;  // Freed after the lock.
    const std::lock_guard lock(mutex_);
    const auto found = staged_.find(id);
    if (found == staged_.end()) return;
    dropped = std::move(found->second);
    staged_.erase(found);
}

std::shared_ptr<BlobContent> MemoryBlobs::content(const BlobId& id) const {
    const std::lock_guard lock(mutex_);
    const auto found = staged_.find(id);
    return found == staged_.end() ? nullptr : found->second;
}

std::shared_ptr<BlobContent> MemoryBlobs::new_content() const { return std::make_shared<BlobContent>(budget_); }

void MemoryBlobs::clear() noexcept {
    std::map<BlobId, std::shared_ptr<BlobContent>> dropped;
    const std::lock_guard lock(mutex_);
    dropped.swap(staged_);
}

}  // namespace edgesync::memory
