// Passwords of the organizations' brokers as they are stored (security 9).
#pragma once

#include <string>
#include <string_view>

#include "edgesync/sdk/log.h"
#include "edgesync/sdk/settings.h"

namespace edgesync::security {

/// Encrypts with the key of `OrgSecretKeyFile` (AES-256-GCM, bound to the organization); without that file passwords are stored as they
/// are. Immutable, thread-safe. The file has at least 32 characters, as `openssl rand -base64 32` makes them; blanks at its end do not
/// count. Whoever changes it must put the organizations again.
class OrgSecrets {
public:
    /// Relative names are below PersistenceRootPath. @throws Error{Io, InvalidRequest}, one line for the operator
    OrgSecrets(const Settings& settings, Log& log);

    /// What is to be stored; an empty password stays empty.
    std::string seal(std::string_view org, std::string_view password) const;
    /// Whether a password that was stored without a key should be stored anew, because there is one now.
    bool is_to_be_sealed(std::string_view stored) const;
    /// The password. What was stored without a key is taken as it is.
    /// @throws Error{Corrupt} if it was sealed with another key, for another organization, or damaged
    std::string open(std::string_view org, std::string_view stored) const;

private:
    std::string key_;  ///< 32 octets; empty: none.
};

}  // namespace edgesync::security
