// The check of received data against its publisher's signature (object model 13).
#pragma once

#include <string>

#include "edgesync/sdk/store.h"
#include "kernel/security/signature.h"

namespace edgesync::node {

/// Why the octets are not what the publisher signed; empty if they are, or if the object has no signature. Blocks as `read` does.
inline std::string signature_problem_of(const Metadata& meta, const security::OctetReader& read) {
    if (!security::needs_signature_check(meta)) return {};
    const auto result = security::verify(meta.hash_algorithm, meta.public_key, meta.signature, read);
    return result ? std::string{} : "Failed to verify data with public key and data signature, Error: " + result.problem;
}

inline std::string signature_problem(const Metadata& meta, BlobWriter& blob) {
    return signature_problem_of(meta, [&](std::int64_t offset, std::span<std::byte> out) { return blob.read(offset, out); });
}

}  // namespace edgesync::node
