// SHA-256 over data that arrives in order or out of order.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>

#include "edgesync/sdk/store.h"

namespace edgesync::data {

/// Not thread-safe.
class Sha256 {
public:
    Sha256();
    ~Sha256();
    Sha256(const Sha256&) = delete;
    Sha256& operator=(const Sha256&) = delete;
    void update(std::span<const std::byte> octets);
    /// 32 octets; ends the computation.
    std::string finish();

private:
    struct Context;
    std::unique_ptr<Context> context_;
};

std::string sha256_of(std::string_view octets);
/// Lower-case hexadecimal, for messages.
std::string to_hex(std::string_view octets);

/// Hashes a blob while it is written: octets that continue the hashed beginning are taken from memory, the rest is read back at the
/// end. Thread-safe.
class BlobDigest {
public:
    /// How much of the beginning is hashed; what is written there next is hashed from memory.
    std::int64_t hashed() const { return hashed_; }
    /// Octets just written at `offset`. Writing hashed ones again makes `finish` read everything back: they may differ.
    void written(std::int64_t offset, std::span<const std::byte> octets);
    /// Hashes what of [0, end) was written before its turn came, by reading back at most 16 MiB of it; so what arrives out of order leaves
    /// little to `finish`. All of [0, end) must have been written. Blocks on disk.
    void catch_up(BlobWriter& blob, std::int64_t end);
    /// Hashes what is left of [0, total) by reading it back. Blocks on disk. Repeated calls give the same until more is written.
    std::string finish(BlobWriter& blob, std::int64_t total);

private:
    void read_back(BlobWriter& blob, std::int64_t end);

    std::mutex mutex_;
    std::optional<Sha256> hash_{std::in_place};
    std::atomic<std::int64_t> hashed_ = 0;
    bool is_stale_ = false;
    std::string result_;
};

}  // namespace edgesync::data
