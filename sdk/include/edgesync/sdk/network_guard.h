/// @file
/// What a connection to another machine may be checked for, whatever library makes it: addresses that are not the public network's, and
/// pinned certificates (docs/security.md).
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace edgesync {

/// An IPv4 or IPv6 address in digits, without brackets, port or zone.
bool is_numeric_address(std::string_view text);

/// Private (RFC 1918, RFC 6598, fc00::/7), loopback, link-local, unspecified, multicast, reserved or broadcast, also as an IPv4 address
/// inside an IPv6 one. `numeric`: see above; what is no address counts as private. With AllowPrivateIPs false, resolve a host, ask for each
/// of its addresses, and connect to one that was asked for: a second question to the name server may be answered otherwise.
bool is_private_address(std::string_view numeric);

/// Certificates of which a peer must show one, in addition to normal validation.
class PinnedCertificates {
public:
    /// What a handshake that fails for this reason says.
    static constexpr char kMismatch[] = "certificate does not match any pinned fingerprints";

    /// Nothing is pinned.
    PinnedCertificates() = default;
    /// SHA-256 fingerprints of the DER form: 64 hexadecimal digits in any case, colons allowed. `key` is the setting they come from.
    /// @throws Error{InvalidRequest} naming the one that is none.
    PinnedCertificates(const std::vector<std::string>& fingerprints, const std::string& key);

    /// Nothing is pinned: every certificate that is valid will do.
    bool empty() const { return digests_.empty(); }
    /// `sha256`: 32 octets, of one certificate of the verified chain (with validation switched off: of the peer's own certificate alone).
    bool contains(std::string_view sha256) const { return digests_.contains(sha256); }

private:
    std::set<std::string, std::less<>> digests_;
};

}  // namespace edgesync
