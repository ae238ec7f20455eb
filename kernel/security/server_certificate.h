// Which certificate the listeners show (security 4.2). An ESS makes its own if it is given none.
#pragma once

#include <chrono>
#include <string>

#include "edgesync/sdk/log.h"
#include "edgesync/sdk/settings.h"

namespace edgesync::security {

struct ServerCertificate {
    std::string certificate;  ///< PEM text, or the path of a PEM file.
    std::string key;
    bool operator==(const ServerCertificate&) const = default;
};

/// A certificate of its own that is to end sooner than this is replaced; one that was supplied gives a warning.
inline constexpr std::chrono::hours kRenewal{24 * 30};

/// What the configuration names: PEM text, or files (relative names below PersistenceRootPath). An ESS whose pair cannot be used, or is
/// not set, uses sync/certs/cert.pem and key.pem, which it makes, and renews if it made them: call this again every day. Blocks on disk.
/// @throws Error{InvalidRequest, Io}, one line for the operator
ServerCertificate server_certificate(const Settings& settings, Log& log);

/// PEM texts of a new RSA key (2048 bits) and of its certificate: self-signed, for localhost, valid from now on.
ServerCertificate make_self_signed(std::chrono::hours validity);

/// Empty if the two can be used together, else what is wrong with them.
std::string pair_problem(const ServerCertificate& pair);

}  // namespace edgesync::security
