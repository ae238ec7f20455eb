#include "kernel/data/digest.h"

#include <openssl/evp.h>

#include <algorithm>
#include <vector>

#include "edgesync/sdk/error.h"

namespace edgesync::data {
namespace {

/// As large as the pieces in which stores keep data, so that none is fetched twice.
constexpr std::size_t kReadBack = 1024 * 1024;
constexpr std::int64_t kCatchUp = 16 * 1024 * 1024;

/// Null if there is none. Fetched once: what EVP_sha256() names is looked up at every use, which takes as long as to hash small data.
const EVP_MD* sha256() {
    static const EVP_MD* const fetched = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    return fetched;
}

}  // namespace

struct Sha256::Context {
    EVP_MD_CTX* evp = EVP_MD_CTX_new();
    Context() = default;
    Context(const Context&) = delete;
    Context& operator=(const Context&) = delete;
    ~Context() { EVP_MD_CTX_free(evp); }
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {
    if (context_->evp == nullptr || sha256() == nullptr || EVP_DigestInit_ex(context_->evp, sha256(), nullptr) != 1) {
        throw Error(ErrorKind::Internal, "SHA-256 is not available");
    }
}

Sha256::~Sha256() = default;

void Sha256::update(std::span<const std::byte> octets) {
    if (EVP_DigestUpdate(context_->evp, octets.data(), octets.size()) != 1) throw Error(ErrorKind::Internal, "SHA-256 failed");
}

std::string Sha256::finish() {
    std::string digest(32, '\0');
    if (EVP_DigestFinal_ex(context_->evp, reinterpret_cast<unsigned char*>(digest.data()), nullptr) != 1)
        throw Error(ErrorKind::Internal, "SHA-256 failed");
    return digest;
}

std::string sha256_of(std::string_view octets) {
    Sha256 hash;
    hash.update(std::as_bytes(std::span(octets)));
    return hash.finish();
}

std::string to_hex(std::string_view octets) {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    for (const char octet : octets) {
        const auto value = static_cast<unsigned char>(octet);
        text += kDigits[value >> 4U];
        text += kDigits[value & 15U];
    }
    return text;
}

void BlobDigest::written(std::int64_t offset, std::span<const std::byte> octets) {
    const std::lock_guard lock(mutex_);
    if (!result_.empty() || offset < hashed_) is_stale_ = true;
    result_.clear();
    if (is_stale_ || offset > hashed_) return;  // Read back later.
    hash_->update(octets);
    hashed_ += static_cast<std::int64_t>(octets.size());
}

std::string BlobDigest::finish(BlobWriter& blob, std::int64_t total) {
    const std::lock_guard lock(mutex_);
    if (!result_.empty()) return result_;
    if (is_stale_) {
        hash_.emplace();
        hashed_ = 0;
        is_stale_ = false;
    }
    read_back(blob, total);
    result_ = hash_->finish();
    return result_;
}

void BlobDigest::catch_up(BlobWriter& blob, std::int64_t end) {
    const std::lock_guard lock(mutex_);
    if (is_stale_ || !result_.empty()) return;
    read_back(blob, std::min(end, hashed_ + kCatchUp));
}

/// With the lock held.
void BlobDigest::read_back(BlobWriter& blob, std::int64_t end) {
    std::vector<std::byte> buffer(static_cast<std::size_t>(std::clamp<std::int64_t>(end - hashed_, 0, kReadBack)));
    while (hashed_ < end) {
        const auto wanted = static_cast<std::size_t>(std::min<std::int64_t>(end - hashed_, static_cast<std::int64_t>(buffer.size())));
        const std::size_t count = blob.read(hashed_, std::span(buffer).first(wanted));
        if (count == 0) throw Error(ErrorKind::Corrupt, "Received data ends before its size");
        hash_->update(std::span(buffer).first(count));
        hashed_ += static_cast<std::int64_t>(count);
    }
}

}  // namespace edgesync::data
