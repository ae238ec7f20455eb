#include "edgesync/sdk/network_guard.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "edgesync/sdk/error.h"

namespace edgesync {
namespace {

using Octets = std::array<std::uint8_t, 16>;

struct Network {
    Octets begin;
    unsigned bits;
};

constexpr Network v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, unsigned bits) { return {{a, b, c}, bits}; }

constexpr std::array<Network, 11> kPrivateV4 = {
    v4(0, 0, 0, 8),       // This network.
    v4(10, 0, 0, 8),      // RFC 1918
    v4(100, 64, 0, 10),   // RFC 6598: behind a provider's address translation.
    v4(127, 0, 0, 8),     // Loopback.
    v4(169, 254, 0, 16),  // Link-local; the metadata services of clouds.
    v4(172, 16, 0, 12),   // RFC 1918
    v4(192, 0, 0, 24),    // RFC 6890
    v4(192, 168, 0, 16),  // RFC 1918
    v4(198, 18, 0, 15),   // RFC 2544: test networks.
    v4(224, 0, 0, 4),     // Multicast.
    v4(240, 0, 0, 4),     // Reserved, and broadcast.
};

constexpr std::array<Network, 6> kPrivateV6 = {{
    {{}, 128},                                                // Unspecified.
    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 128},  // Loopback.
    {{0xfc}, 7},                                              // Unique local.
    {{0xfe, 0x80}, 10},                                       // Link-local.
    {{0xfe, 0xc0}, 10},                                       // Site-local, deprecated.
    {{0xff}, 8},                                              // Multicast.
}};

/// Where the last 32 bits are an IPv4 address that the packet ends up at.
constexpr std::array<Network, 3> kCarriersOfV4 = {{
    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96},  // Mapped.
    {{0, 0x64, 0xff, 0x9b}, 96},                       // RFC 6052: translation by a gateway.
    {{}, 96},                                          // "Compatible", deprecated.
}};

bool is_in(const Octets& address, const Network& network) {
    const std::size_t whole = network.bits / 8;
    if (!std::equal(address.begin(), address.begin() + whole, network.begin.begin())) return false;
    const unsigned rest = network.bits % 8;
    return rest == 0 || ((address.at(whole) ^ network.begin.at(whole)) >> (8 - rest)) == 0;
}

template <std::size_t kCount>
bool is_in_any(const Octets& address, const std::array<Network, kCount>& networks) {
    return std::any_of(networks.begin(), networks.end(), [&](const Network& network) { return is_in(address, network); });
}

std::optional<Octets> parse(int family, std::string_view text) {
    Octets octets{};
    if (::inet_pton(family, std::string(text).c_str(), octets.data()) != 1) return std::nullopt;
    return octets;
}

/// nullopt: no hexadecimal digit.
std::optional<unsigned> digit_of(char c) {
    if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
    if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
    if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
    return std::nullopt;
}

std::optional<std::string> digest_from(std::string_view fingerprint) {
    std::string digits;
    for (const char c : fingerprint) {
        if (c == ':' || c == ' ' || c == '\t') continue;
        const auto digit = digit_of(c);
        if (!digit) return std::nullopt;
        digits.push_back(static_cast<char>(*digit));
    }
    if (digits.size() != 64) return std::nullopt;
    std::string digest;
    for (std::size_t i = 0; i < digits.size(); i += 2) digest.push_back(static_cast<char>(digits[i] * 16 + digits[i + 1]));
    return digest;
}

}  // namespace

bool is_numeric_address(std::string_view text) { return parse(AF_INET, text) || parse(AF_INET6, text); }

bool is_private_address(std::string_view numeric) {
    if (const auto octets = parse(AF_INET, numeric)) return is_in_any(*octets, kPrivateV4);
    const auto octets = parse(AF_INET6, numeric);
    if (!octets || is_in_any(*octets, kPrivateV6)) return true;
    if (!is_in_any(*octets, kCarriersOfV4)) return false;
    Octets carried{};
    std::copy(octets->begin() + 12, octets->end(), carried.begin());
    return is_in_any(carried, kPrivateV4);
}

PinnedCertificates::PinnedCertificates(const std::vector<std::string>& fingerprints, const std::string& key) {
    for (const auto& fingerprint : fingerprints) {
        auto digest = digest_from(fingerprint);
        if (!digest) {
            throw Error(ErrorKind::InvalidRequest,
                        key + ": '" + fingerprint.substr(0, 200) + "' is not a SHA-256 fingerprint; write 64 hexadecimal digits");
        }
        digests_.insert(std::move(*digest));
    }
}

}  // namespace edgesync
