// Which addresses webhooks may call (rest-api 4, security 7).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace edgesync::hooks {

struct HookUrl {
    bool is_tls = false;
    std::string host;  ///< Without the brackets of an IPv6 address.
    std::uint16_t port = 0;
    std::string target;  ///< Path and query, "/" at least.

    /// For the Host header.
    std::string authority() const;
};

/// http or https, a host, no user information; at most 2048 printable octets. @throws Error{InvalidRequest} "Invalid webhook"
HookUrl parse_hook_url(const std::string& text);

/// `allowed` empty: every host. Names are compared without regard to case.
bool is_allowed_host(const std::string& host, const std::vector<std::string>& allowed);

}  // namespace edgesync::hooks
