// SHA-256 over data that arrives in order or out of order.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
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
    /// Octets just written at `offset`.
    void written(std::int64_t offset, std::span<const std::byte> octets);
    /// Hashes what is left of [0, total) by reading it back. Blocks on disk. May be called once.
    std::string finish(BlobWriter& blob, std::int64_t total);

private:
    std::mutex mutex_;
    Sha256 hash_;
    std::int64_t hashed_ = 0;
};

}  // namespace edgesync::data
