// Secrets that are kept as hashes. Text form: "pbkdf2-sha256$ITERATIONS$SALT$HASH"; salt and hash are Base64, the hash is
// PBKDF2-HMAC-SHA-256 (RFC 8018) of 32 octets.
#pragma once

#include <string>
#include <string_view>

namespace edgesync::security {

/// Equal texts, in a time that does not tell where they differ.
bool equal_secrets(std::string_view a, std::string_view b);

/// With a random salt. @throws Error{Internal}
std::string hash_secret(std::string_view secret);

/// Well-formed, with 1,000 to 1,000,000 iterations and at least 8 octets of salt.
bool is_secret_hash(const std::string& text);

/// False also for a text that is no hash. Takes some 10 ms.
bool matches_hash(std::string_view secret, const std::string& text);

}  // namespace edgesync::security
