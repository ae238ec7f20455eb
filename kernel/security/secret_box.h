// Encrypts small secrets before they are stored (security 9): AES-256-GCM under the key of OrgSecretKeyFile.
#pragma once

#include <string>

#include "edgesync/sdk/log.h"
#include "edgesync/sdk/settings.h"
#include "kernel/security/wipe.h"

namespace edgesync::security {

/// Thread-safe once made.
///
/// Stored forms: the secret as it is; or an octet 1, then 's' and Base64 of nonce (12 octets), ciphertext and tag (16 octets); or an octet
/// 1, then 'p' and the secret, if that begins with such an octet itself.
class SecretBox {
public:
    /// Without a key secrets are stored as they are.
    SecretBox() = default;
    /// `key`: 32 octets, or their Base64, or their 64 hexadecimal digits; white space at the end is ignored. @throws Error{InvalidRequest}
    explicit SecretBox(const std::string& key);

    /// Of the configured file, which is warned about if others than its owner can use it; without a key if there is none configured.
    /// @throws Error{InvalidRequest} a file that cannot be read or holds no key
    static SecretBox from_settings(const Settings& settings, Log& log);

    bool has_key() const { return !key_.empty(); }
    /// `owner` is bound to the result: it cannot be opened as somebody else's. Empty stays empty. @throws Error{Internal}
    std::string seal(const std::string& secret, const std::string& owner) const;
    /// What was sealed, or stored without a key. @throws Error{Corrupt} the key is not the one it was sealed with, or it was changed
    SecretText open(const std::string& stored, const std::string& owner) const;
    /// False for a secret that was stored without a key, which `seal` would now encrypt.
    bool is_sealed(const std::string& stored) const;

private:
    SecretText key_;  ///< 32 octets, or empty.
};

}  // namespace edgesync::security
