#include "blobs.h"

#include <edgesync/sdk/error.h>

#include <algorithm>
#include <random>

namespace plugin_name_store {
namespace {

using namespace edgesync;

class Writer final : public BlobWriter {
public:
    explicit Writer(std::shared_ptr<Octets> octets) : octets_(std::move(octets)) {}
    void write(std::int64_t offset, std::span<const std::byte> octets) override { octets_->write(offset, octets); }
    /// FILL IN: when it returns, all that was written before must survive a power cut.
    void sync() override {}
    std::size_t read(std::int64_t offset, std::span<std::byte> out) override { return octets_->read(offset, out, octets_->size()); }

private:
    std::shared_ptr<Octets> octets_;
};

class Reader final : public BlobReader {
public:
    Reader(std::shared_ptr<Octets> octets, std::int64_t end) : octets_(std::move(octets)), end_(end) {}
    std::int64_t size() const override { return end_; }
    std::size_t read(std::int64_t offset, std::span<std::byte> out) override { return octets_->read(offset, out, end_); }

private:
    std::shared_ptr<Octets> octets_;
    std::int64_t end_;
};

}  // namespace

void Octets::write(std::int64_t offset, std::span<const std::byte> octets) {
    const std::lock_guard lock(mutex);
    const std::size_t begin = static_cast<std::size_t>(offset);
    bytes.resize(std::max(bytes.size(), begin + octets.size()));
    std::copy(octets.begin(), octets.end(), bytes.begin() + offset);
}

std::size_t Octets::read(std::int64_t offset, std::span<std::byte> out, std::int64_t end) {
    const std::lock_guard lock(mutex);
    const std::int64_t last = std::min<std::int64_t>(end, static_cast<std::int64_t>(bytes.size()));
    if (offset >= last) return 0;
    const std::size_t count = std::min(out.size(), static_cast<std::size_t>(last - offset));
    std::copy_n(bytes.begin() + offset, count, out.begin());
    return count;
}

std::int64_t Octets::size() {
    const std::lock_guard lock(mutex);
    return static_cast<std::int64_t>(bytes.size());
}

std::unique_ptr<BlobReader> make_reader(std::shared_ptr<Octets> octets, std::int64_t end) {
    if (end < 0) end = octets->size();
    return std::make_unique<Reader>(std::move(octets), end);
}

BlobId Blobs::new_id() {
    BlobId id;
    std::random_device random;
    for (auto& byte : id.bytes) byte = static_cast<std::uint8_t>(random());
    return id;
}

std::unique_ptr<BlobWriter> Blobs::create(const BlobId& id) {
    const std::lock_guard lock(mutex_);
    const auto [place, is_new] = staged_.try_emplace(id, std::make_shared<Octets>());
    if (!is_new) throw Error(ErrorKind::AlreadyExists, "the blob was created before");
    return std::make_unique<Writer>(place->second);
}

std::unique_ptr<BlobWriter> Blobs::reopen(const BlobId& id) {
    auto octets = staged(id);
    return octets ? std::make_unique<Writer>(std::move(octets)) : nullptr;
}

void Blobs::discard(const BlobId& id) noexcept {
    const std::lock_guard lock(mutex_);
    staged_.erase(id);
}

std::shared_ptr<Octets> Blobs::staged(const BlobId& id) {
    const std::lock_guard lock(mutex_);
    const auto found = staged_.find(id);
    return found == staged_.end() ? nullptr : found->second;
}

void Blobs::clear() {
    const std::lock_guard lock(mutex_);
    staged_.clear();
}

}  // namespace plugin_name_store
