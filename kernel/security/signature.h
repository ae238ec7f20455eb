// Checks data against the signature that a publisher gave with it (object model 13).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "edgesync/sdk/object.h"

namespace edgesync::security {

struct SignatureResult {
    bool is_valid = false;
    std::string problem;  ///< Why not; for the answer.
    explicit operator bool() const { return is_valid; }
};

/// RSA-PSS over SHA-1 or SHA-256 with MGF1 of the same digest and any salt length; the data passes through once. Not thread-safe.
class SignatureCheck {
public:
    /// `algorithm` "SHA1" or "SHA256"; key: Base64 of a SubjectPublicKeyInfo; signature: Base64. Unusable values fail the check.
    SignatureCheck(const std::string& algorithm, const std::string& public_key, const std::string& signature);
    ~SignatureCheck();
    SignatureCheck(const SignatureCheck&) = delete;
    SignatureCheck& operator=(const SignatureCheck&) = delete;

    void update(std::span<const std::byte> octets);
    /// Ends the check.
    SignatureResult finish();

private:
    struct State;
    std::unique_ptr<State> state_;
    std::string problem_;
};

/// True if the data of such an object must be checked: algorithm, key and signature are all given.
bool needs_signature_check(const Metadata& meta);

/// Copies octets from an offset; 0 at the end. As BlobReader::read.
using OctetReader = std::function<std::size_t(std::int64_t offset, std::span<std::byte> out)>;

/// Checks everything that `read` gives. Blocks as `read` does.
SignatureResult verify(const std::string& algorithm, const std::string& public_key, const std::string& signature, const OctetReader& read);

}  // namespace edgesync::security
